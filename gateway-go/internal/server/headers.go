package server

import "net/http"

// contentPolicy holds for every route; /docs has its own.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets what every answer carries, refusals included. A handler that needs another policy overwrites it.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", contentPolicy)
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store") // unless the handler knows better
		if len(r.TransferEncoding) > 0 {
			// net/http drops a Content-Length beside it unseen; then the connection must end with the answer (RFC 9112, section 6.3), or a proxy that
			// believed the length would hand over the rest of the body as somebody's next request.
			header.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
