package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
)

// longestWait is the only long wait there is.
const longestWait = 60 * time.Second

// idempotencyKey answers the key, or "" when none was sent: 1 to 255 visible ASCII characters.
func idempotencyKey(header http.Header) (string, error) {
	sent := header["Idempotency-Key"]
	if len(sent) == 0 {
		return "", nil
	}
	key := sent[0]
	invisible := strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' })
	if len(sent) > 1 || key == "" || len(key) > job.MaxIdempotencyKey || invisible {
		return "", invalid("Idempotency-Key", "Send one key of 1 to 255 visible ASCII characters.")
	}
	return key, nil
}

// preferredWait reads `Prefer: wait=n` (RFC 7240). What cannot be understood is ignored, as that asks for; more than a minute is a minute.
func preferredWait(header http.Header) (wait time.Duration, asked bool) {
	for _, line := range header["Prefer"] {
		for preference := range strings.SplitSeq(line, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			if err != nil {
				return 0, false
			}
			return min(time.Duration(seconds)*time.Second, longestWait), true // the first one counts
		}
	}
	return 0, false
}

// flag reads a query parameter that is true or false.
func flag(r *http.Request, name string) (bool, error) {
	sent, here := r.URL.Query()[name]
	if !here {
		return false, nil
	}
	if len(sent) > 1 || sent[0] != "" && sent[0] != "true" && sent[0] != "false" {
		return false, invalid("?"+name, "true or false.")
	}
	return sent[0] != "false", nil
}
