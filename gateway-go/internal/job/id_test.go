package job

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

type idVectors struct {
	Keys  []string `json:"keys"`
	Valid []struct {
		ID        string `json:"id"`
		Owner     string `json:"owner"`
		CreatedAt int64  `json:"created_at"`
		Deadline  int64  `json:"deadline"`
	} `json:"valid"`
	Invalid []struct {
		Because string `json:"because"`
		ID      string `json:"id"`
		Owner   string `json:"owner"`
	} `json:"invalid"`
}

func readIDVectors(t *testing.T) (Keys, idVectors) {
	t.Helper()
	text, err := os.ReadFile("../../../contract/examples/ids.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors idVectors
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	keys, err := ParseKeys(strings.Join(vectors.Keys, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return keys, vectors
}

func TestTheTreatysIDsAreProvenAndTellTheirTimes(t *testing.T) {
	keys, vectors := readIDVectors(t)
	for _, v := range vectors.Valid {
		if !keys.Verify(v.ID, v.Owner) {
			t.Errorf("%s was refused to its owner", v.ID)
		}
		if keys.Verify(v.ID, "00000000000000000000000000000000") {
			t.Errorf("%s was shown to a stranger", v.ID)
		}
		created, deadline, err := Times(v.ID)
		if err != nil || created.UnixMilli() != v.CreatedAt || deadline.UnixMilli() != v.Deadline {
			t.Errorf("%s tells %v and %v (%v)", v.ID, created, deadline, err)
		}
	}
}

func TestTheTreatysForgeriesAreRefused(t *testing.T) {
	keys, vectors := readIDVectors(t)
	for _, v := range vectors.Invalid {
		if keys.Verify(v.ID, v.Owner) {
			t.Errorf("accepted: %s", v.Because)
		}
	}
}

func TestAMintedIDIsProvenAndSortsByTime(t *testing.T) {
	keys, _ := readIDVectors(t)
	owner := Owner("key", "1")
	now := time.UnixMilli(1_800_000_000_123)
	first, second := keys.Mint(now, 900, owner), keys.Mint(now.Add(time.Millisecond), 1, owner)
	if !keys.Verify(first, owner) || !keys.Verify(second, owner) || len(first) != 42 || first >= second {
		t.Fatalf("%s, %s", first, second)
	}
	created, deadline, err := Times(first)
	if err != nil || !created.Equal(now) || deadline.Sub(created) != 900*time.Second {
		t.Fatalf("%v %v %v", created, deadline, err)
	}
}

func TestNoOtherSpellingOfAnIDIsAnID(t *testing.T) {
	keys, vectors := readIDVectors(t)
	v := vectors.Valid[0]
	for position := range v.ID {
		for bit := range 5 {
			flipped := []byte(v.ID)
			flipped[position] = "0123456789abcdefghijklmnopqrstuv"[strings.IndexByte("0123456789abcdefghijklmnopqrstuv", v.ID[position])^(1<<bit)]
			if keys.Verify(string(flipped), v.Owner) {
				t.Fatalf("bit %d of character %d may be flipped", bit, position)
			}
		}
	}
	for _, bad := range []string{"", "../", strings.ToUpper(v.ID), v.ID + "0", v.ID[:41], v.ID[:41] + "=", v.ID[:41] + "\n", v.ID[:20] + "\n" + v.ID[20:41], strings.Repeat("0", 4096), strings.Repeat("é", 21)} {
		if keys.Verify(bad, v.Owner) {
			t.Errorf("%q was accepted", bad)
		}
		if _, _, err := Times(bad); err == nil {
			t.Errorf("%q told times", bad)
		}
	}
}

func TestKeysAreRefusedUnlessEachIs64HexCharacters(t *testing.T) {
	good := strings.Repeat("a1", 32)
	for _, bad := range []string{"", " ", "abc", good + "," + good[:63], good[:62] + "zz"} {
		if _, err := ParseKeys(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := ParseKeys(good + ",\r\n" + good + "\n"); err != nil {
		t.Error(err)
	}
}

func FuzzNoTextBreaksVerify(f *testing.F) {
	keys, _ := ParseKeys(strings.Repeat("a1", 32))
	f.Add("06h00e010015g001081g81860s40i7ko2sfi5e9r26")
	f.Fuzz(func(t *testing.T, id string) {
		if keys.Verify(id, "owner") {
			t.Fatalf("%q was forged", id)
		}
		_, _, _ = Times(id)
	})
}
