package job

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Derive makes keys for another purpose from the id keys, in their order: knowing one tells nothing of the other.
func (k Keys) Derive(purpose string) [][]byte {
	derived := make([][]byte, len(k.keys))
	for i, key := range k.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte("darkroom " + purpose))
		derived[i] = mac.Sum(nil)
	}
	return derived
}
