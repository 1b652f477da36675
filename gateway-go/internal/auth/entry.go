package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is one line of the key file: `id hash created name`. The file is the operator's: one line a key, removed to revoke it.
type Entry struct {
	ID      string
	Created time.Time
	Name    string // whose key it is, in the operator's words
	hash    [sha256.Size]byte
}

// ErrNoSuchKey says that no line of the file has this id.
var ErrNoSuchKey = errors.New("there is no key with this id")

// AddKey makes a key, writes its hash to the file and answers the key itself. Nobody can show it again.
func AddKey(path, name string) (key string, entry Entry, err error) {
	entries, err := ReadEntries(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", Entry{}, err
	}
	entry = Entry{ID: newRandom(5), Created: time.Now().UTC().Truncate(time.Second), Name: strings.Join(strings.Fields(name), " ")}
	key = "dk_" + entry.ID + "_" + newRandom(20)
	entry.hash = sha256.Sum256([]byte(key))
	return key, entry, writeEntries(path, append(entries, entry))
}

// RevokeKey takes the key with this id out of the file; its holder is refused within a second.
func RevokeKey(path, id string) error {
	entries, err := ReadEntries(path)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return e.ID == id })
	if len(kept) == len(entries) {
		return ErrNoSuchKey
	}
	return writeEntries(path, kept)
}

// ReadEntries reads the key file. Empty lines and lines that begin with # are passed over. Errors name the line.
func ReadEntries(path string) ([]Entry, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		entry, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func parseEntry(line string) (Entry, error) {
	parts := strings.SplitN(line, " ", 4)
	if len(parts) < 3 {
		return Entry{}, errors.New("a line is: id, hash, time of creation, name")
	}
	entry := Entry{ID: parts[0]}
	var err error
	if entry.hash, err = parseHash(parts[1]); err != nil {
		return Entry{}, err
	}
	if entry.Created, err = time.Parse(time.RFC3339, parts[2]); err != nil {
		return Entry{}, errors.New("the time of creation is RFC 3339")
	}
	if len(parts) == 4 {
		entry.Name = parts[3]
	}
	return entry, nil
}

// writeEntries replaces the file at once, so that a gateway never reads half of it.
func writeEntries(path string, entries []Entry) error {
	var text strings.Builder
	text.WriteString("# API keys of Darkroom: id, SHA-256 of the key, time of creation, name\n")
	for _, e := range entries {
		fmt.Fprintf(&text, "%s %s %s %s\n", e.ID, hex.EncodeToString(e.hash[:]), e.Created.Format(time.RFC3339), e.Name)
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // gone already when it was renamed
	if _, err := draft.WriteString(text.String()); err != nil {
		return errors.Join(err, draft.Close())
	}
	if err := errors.Join(draft.Sync(), draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}
