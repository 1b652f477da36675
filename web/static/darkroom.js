// What the page needs beyond htmx. Everything here is a comfort: without it forms post, links lead, and pages refresh themselves.
(() => {
  "use strict";
  const nextTry = 5; // seconds, where nothing else sets a pace

  // A poll is a request that htmx's own clock started.
  const isPoll = (event) => event.detail.ctx.sourceEvent?.type === "every";

  // Hidden tab: polls are held. What is more than a screen away asks every 10 s at most: a hundred waiting cards are no load.
  const asked = new WeakMap(), notBefore = new WeakMap();
  const isFar = (polled) => {
    const box = polled.getBoundingClientRect();
    return box.bottom < -innerHeight || box.top > 2 * innerHeight;
  };
  document.addEventListener("htmx:before:request", (event) => {
    if (!isPoll(event)) return;
    const polled = event.target, now = performance.now();
    if (document.hidden || now < notBefore.get(polled) || (isFar(polled) && now - (asked.get(polled) ?? -Infinity) < 10_000)) event.preventDefault();
    else asked.set(polled, now);
  });

  // On return, and when the network is back, everything live asks at once.
  const askAtOnce = () => {
    if (document.hidden) return;
    for (const polled of document.querySelectorAll('[hx-trigger^="every"]')) htmx.trigger(polled, "every", {}, false);
  };
  document.addEventListener("visibilitychange", askAtOnce);
  addEventListener("online", askAtOnce);

  function tell(place, title, text) {
    const bold = document.createElement("b");
    bold.textContent = title;
    place.replaceChildren(bold, " " + text);
    place.hidden = false;
  }

  // No answer, or none that can be shown: say so where it was asked. The next good answer of a card takes the words away again.
  const away = (event) => {
    const source = event.target, response = event.detail.ctx?.response, status = response?.status;
    const refused = status >= 400 && status < 500;
    const title = status === 429 ? "One moment." : refused ? "Not done." : "Darkroom can’t be reached.";
    const why = status === 429 ? "Too many requests in a short time." : navigator.onLine ? "What you see is kept, and pictures already in line go on." : "This browser is offline. What you see is kept, and pictures already in line go on.";
    if (source.matches(".more")) {
      tell(source, title, why + " Next try in " + nextTry + "\u00a0s.");
      setTimeout(() => htmx.trigger(source, "intersect", {}, false), 1000 * nextTry);
      return;
    }
    if (source.id === "strip") {
      source.textContent = title;
      return;
    }
    if (source.closest("#bench")) {
      unsure = !refused;
      tell(source.closest("#bench").querySelector("[data-away]"), title, "Your words are kept. " + (refused ? "This picture was not taken: take it again in a moment." : "Whether this picture was taken shows in your roll, as soon as it can be read."));
      return;
    }
    const polled = source.closest("[hx-trigger]"), place = source.closest(".card, .sheet, .plain")?.querySelector(".trouble, [data-away]");
    const later = Number(response?.headers.get("Retry-After")), pace = later || polled?.getAttribute("hx-trigger").match(/^every (\d+)s$/)?.[1];
    if (polled && later) notBefore.set(polled, performance.now() + 1000 * later); // the server's pace holds in trouble too
    if (place) tell(place, title, why + (pace ? " Next try in " + pace + "\u00a0s." : " Try again in a moment."));
  };
  document.addEventListener("htmx:error", away);
  document.addEventListener("htmx:response:error", away);

  // A submit whose answer was lost may have been taken: the roll tells, once the strip is answered again.
  let unsure = false;
  const readRoll = () => htmx.ajax("GET", "/roll", { source: "#roll", target: "#roll", swap: "innerMorph" });
  document.addEventListener("htmx:after:request", async (event) => {
    if (!unsure || event.target.id !== "strip" || event.detail.ctx.response.status !== 200) return;
    unsure = false;
    await readRoll();
    tell(document.querySelector("#bench [data-away]"), "Darkroom is back.", "If your picture is not the first of your roll, it was not taken: take it again.");
  });

  // A picture that does not load: its card is asked once more, which tells when it is gone, and the picture with it.
  const broken = (picture) => {
    const card = picture.matches?.(".frame img") && picture.closest("[id^=job-], .sheet");
    if (!card || card.matches('[hx-trigger^="every"]')) return;
    const tries = Number(picture.dataset.tries ?? 0), pause = nextTry * 2 ** tries;
    tell(card.querySelector(".trouble"), "This picture can’t be loaded right now.", tries < 5 ? "Next try in " + pause + "\u00a0s." : "Load this page again later.");
    if (tries < 5) setTimeout(async () => {
      await htmx.ajax("GET", card.dataset.self, { source: card, target: card, swap: "outerMorph" });
      if (!picture.isConnected) return;
      picture.dataset.tries = tries + 1;
      picture.src = picture.src;
    }, 1000 * pause);
  };
  document.addEventListener("error", (event) => broken(event.target), true);
  for (const picture of document.querySelectorAll(".frame img")) if (picture.complete && !picture.naturalWidth) broken(picture); // before this script was there
  document.addEventListener("load", (event) => {
    const card = event.target.matches?.(".frame img") && event.target.closest(".card, .sheet");
    if (card && !card.matches('[hx-trigger^="every"]')) card.querySelector(".trouble")?.replaceChildren();
  }, true);

  // Ctrl+Enter (or Cmd+Enter) anywhere on the bench takes the picture.
  document.addEventListener("keydown", (event) => {
    const bench = event.target.closest?.("#bench");
    if (bench && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      bench.requestSubmit(bench.querySelector("[data-main]"));
    }
    const menu = event.key === "Escape" && document.querySelector(".menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
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
    if (event.target.matches("[data-picture]")) return loadPicture(event.target.files[0]);
    const bench = event.target.closest("#bench");
    const line = bench?.querySelector(".summary span");
    if (!line) return;
    const chosen = [...bench.querySelectorAll(".look :checked, .settings:not(.fine) [name=shape]:checked")].map((input) => input.parentNode.textContent.trim());
    const n = bench.querySelector("[name=n]:checked")?.value ?? "1";
    line.textContent = [...chosen, n === "1" ? "1 picture" : n + " pictures"].join(" · ");
  });

  // A picture that Darkroom made, dropped on the studio or chosen, brings its settings. It is read here and goes nowhere.
  async function loadPicture(file) {
    const fields = file && await settingsOfPicture(file);
    if (fields) return htmx.ajax("POST", "/bench/picture", { source: "#bench", target: "#bench", swap: "outerHTML", values: fields });
    tell(document.querySelector("#bench [data-away]"), "No settings in this picture.", "Only pictures as Darkroom saved them carry settings; a screenshot or an edited copy does not.");
  }
  const dropped = (event) => document.getElementById("bench") && event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!dropped(event)) return;
    event.preventDefault();
    document.body.dataset.drop = "";
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) delete document.body.dataset.drop; });
  document.addEventListener("drop", (event) => {
    delete document.body.dataset.drop;
    if (!dropped(event)) return;
    event.preventDefault();
    loadPicture(event.dataTransfer.files[0]);
  });

  // Words are never lost: this tab remembers them until others take their place.
  const words = document.getElementById("words");
  if (words && words.value === "" && !location.search) words.value = sessionStorage.getItem("words") ?? "";
  document.addEventListener("input", (event) => { if (event.target.id === "words") sessionStorage.setItem("words", event.target.value); });

  // The back button may bring a page as it was kept before pictures were taken: the roll is asked for again.
  if (performance.getEntriesByType("navigation")[0]?.type === "back_forward" && document.getElementById("roll") && !location.search) {
    readRoll();
  }

  // Moments in the reader's own time zone.
  const shapes = {
    clock: { hour: "2-digit", minute: "2-digit" },
    second: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
    day: { day: "numeric", month: "short" },
    date: { day: "numeric", month: "long" },
    full: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    until: { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" },
    begin: { day: "numeric", month: "long", year: "numeric" },
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
