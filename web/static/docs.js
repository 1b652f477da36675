// Renders the contract at /docs, light or dark as the reader likes.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", validatorUrl: null, // deep links would be links inside of buttons
  onComplete: () => document.getElementById("servers")?.setAttribute("aria-label", "Server"),
});
