// What the page needs beyond htmx. Everything here is a comfort: without it forms post, links lead, and pages refresh themselves.
(() => {
  "use strict";

  // A poll is a request that htmx's own clock started.
  const isPoll = (event) => event.detail.ctx.sourceEvent?.type === "every";

  // Hidden tab: polls are held; on return every live card asks at once.
  document.addEventListener("htmx:before:request", (event) => {
    if (document.hidden && isPoll(event)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const polled of document.querySelectorAll('[hx-trigger^="every"]')) htmx.trigger(polled, "every", {}, false);
  });

  // No answer at all: say so where it was asked. The next good answer of a card takes the words away again.
  const away = (source) => {
    const card = source.closest(".card, .sheet");
    const place = card ? card.querySelector(".trouble") : document.querySelector("#bench [data-away]");
    if (!place || source.id === "strip") return;
    const title = document.createElement("b");
    title.textContent = "Darkroom can’t be reached.";
    const pace = card?.getAttribute("hx-trigger")?.match(/^every (\d+)s$/)?.[1] ?? "1";
    place.replaceChildren(title, " What you see is kept, and pictures already in line go on. " + (card ? "Next try in " + pace + "\u00a0s." : "Try again in a moment."));
    place.hidden = false;
  };
  document.addEventListener("htmx:error", (event) => away(event.target));
  document.addEventListener("htmx:response:error", (event) => away(event.target));

  // Ctrl+Enter (or Cmd+Enter) anywhere on the bench takes the picture.
  document.addEventListener("keydown", (event) => {
    const bench = event.target.closest?.("#bench");
    if (bench && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      bench.requestSubmit(bench.querySelector("[data-main]"));
    }
  });

  document.addEventListener("click", (event) => {
    const dice = event.target.closest("[data-dice]");
    if (dice) dice.form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0];

    const copy = event.target.closest("[data-copy]");
    if (copy) copyCode(copy);

    const remove = event.target.closest("[data-delete]");
    if (remove) askToDelete(event, remove);

    for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // "Copied" in its own place for two seconds.
  async function copyCode(button) {
    const shown = [...button.closest(".code").querySelectorAll("pre")].find((pre) => pre.offsetParent);
    const word = button.querySelector("span");
    try {
      await navigator.clipboard.writeText(shown.textContent);
      word.textContent = "Copied";
    } catch {
      word.textContent = "Select and copy";
      getSelection().selectAllChildren(shown);
    }
    setTimeout(() => { word.textContent = "Copy"; }, 2000);
  }

  // Delete asks first, and names the picture. In the roll the card goes; on the job's own page the form leads back.
  function askToDelete(event, link) {
    event.preventDefault();
    const dialog = document.getElementById("ask");
    const form = dialog.querySelector('form[method="post"]');
    const card = document.getElementById("job-" + link.dataset.delete);
    link.closest(".menu")?.removeAttribute("open");
    dialog.querySelector("p").textContent = "“" + link.dataset.words + "” and its settings will be gone for good.";
    form.action = "/jobs/" + link.dataset.delete + "/delete";
    form.onsubmit = (submit) => {
      dialog.close();
      if (!card) return;
      submit.preventDefault();
      htmx.ajax("POST", form.action, { source: card, target: card, swap: "delete" });
    };
    dialog.showModal();
  }

  // The bench's folded summary and the phone's one line follow the choices.
  document.addEventListener("change", (event) => {
    const bench = event.target.closest("#bench");
    const line = bench?.querySelector(".summary span");
    if (!line) return;
    const chosen = [...bench.querySelectorAll(".look :checked, .settings:not(.fine) [name=shape]:checked")].map((input) => input.parentNode.textContent.trim());
    const n = bench.querySelector("[name=n]:checked")?.value ?? "1";
    line.textContent = [...chosen, n === "1" ? "1 picture" : n + " pictures"].join(" · ");
  });

  // Moments in the reader's own time zone.
  const shapes = {
    clock: { hour: "2-digit", minute: "2-digit" },
    second: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
    day: { day: "numeric", month: "short" },
    date: { day: "numeric", month: "long" },
    full: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    until: { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" },
  };
  const localise = () => {
    for (const time of document.querySelectorAll("time[data-as]")) {
      const text = new Intl.DateTimeFormat("en-GB", { ...shapes[time.dataset.as], hourCycle: "h23" }).format(new Date(time.dateTime)).replace(" at ", ", ");
      if (time.textContent !== text) time.textContent = text;
    }
  };
  document.addEventListener("htmx:after:swap", localise);
  localise();
})();
