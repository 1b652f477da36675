package job

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

const (
	bodyBytes = 18 // 48-bit ms, 16-bit seconds until the deadline, 80 random bits
	bodyChars = 29
	macBytes  = 8
	idChars   = 42
)

var idEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// Keys prove ids. The first signs, all verify; losing them kills every link.
type Keys struct{ keys [][]byte }

// ParseKeys reads a list of hex keys of 64 characters, separated by commas or white space.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '\n' || r == '\r' || r == ' ' || r == '\t' }) {
		key, err := hex.DecodeString(word)
		if err != nil || len(key) != sha256.Size {
			return Keys{}, errors.New("each key is 64 hex characters")
		}
		keys.keys = append(keys.keys, key)
	}
	if len(keys.keys) == 0 {
		return Keys{}, errors.New("there must be at least one key of 64 hex characters")
	}
	return keys, nil
}

// Mint makes an id. Created is Redis time; deadline is 1 to MaxDeadline seconds after it.
func (k Keys) Mint(created time.Time, deadlineSeconds int, owner string) string {
	var body [bodyBytes]byte
	binary.BigEndian.PutUint64(body[:8], uint64(created.UnixMilli())<<16|uint64(deadlineSeconds)) //nolint:gosec // both fit: 48 and 16 bits
	_, _ = rand.Read(body[8:])                                                                    // never fails, by its documentation
	return idEncoding.EncodeToString(body[:]) + idEncoding.EncodeToString(sign(k.keys[0], body[:], owner))
}

// Verify reports whether id is one that a gateway made for this owner. It looks at nothing but the id.
func (k Keys) Verify(id, owner string) bool {
	if len(id) != idChars {
		return false
	}
	body, err := decodeCanonical(id[:bodyChars])
	if err != nil {
		return false
	}
	mac, err := decodeCanonical(id[bodyChars:])
	if err != nil {
		return false
	}
	match := 0
	for _, key := range k.keys {
		match |= subtle.ConstantTimeCompare(mac, sign(key, body, owner))
	}
	return match == 1
}

// Times reads what an id says of itself: when it was made, and its deadline. It proves nothing: Verify does.
func Times(id string) (created, deadline time.Time, err error) {
	if len(id) != idChars {
		return created, deadline, errNotAnID
	}
	body, err := decodeCanonical(id[:bodyChars])
	if err != nil {
		return created, deadline, err
	}
	if _, err := decodeCanonical(id[bodyChars:]); err != nil {
		return created, deadline, err
	}
	head := binary.BigEndian.Uint64(body[:8])
	created = time.UnixMilli(int64(head >> 16)).UTC() //nolint:gosec // 48 bits
	return created, created.Add(time.Duration(head&0xffff) * time.Second), nil
}

// Owner names the holder of a credential in ids, records and keys. Kind is "key" (an API key's id) or "cookie" (a cookie's random part). It is never a credential.
func Owner(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + ":" + name))
	return hex.EncodeToString(sum[:])[:32]
}

var errNotAnID = errors.New("not an id")

// decodeCanonical refuses every spelling but the one that encoding gives.
func decodeCanonical(text string) ([]byte, error) {
	raw, err := idEncoding.DecodeString(text)
	if err != nil || idEncoding.EncodeToString(raw) != text {
		return nil, errNotAnID
	}
	return raw, nil
}

func sign(key, body []byte, owner string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	mac.Write([]byte{0})
	mac.Write([]byte(owner))
	return mac.Sum(nil)[:macBytes]
}
