package pages

import "net/http"

// docsPolicy is the content policy of /docs alone: swagger-ui writes style attributes and shows icons from data addresses.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docs renders the HTTP contract.
func (s *Studio) docs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", docsPolicy)
	if err := s.render.html(w, r, http.StatusOK, "docs", s.layout(r.Context(), "API · Darkroom", "docs")); err != nil {
		blame(w, err)
		http.Error(w, "The documentation cannot be shown.", http.StatusInternalServerError)
	}
}
