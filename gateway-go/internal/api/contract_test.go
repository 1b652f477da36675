package api

import (
	"testing"

	"darkroom/gateway/internal/api/contracttest"
)

func TestTheContractIsValidAndItsExamplesFitTheirSchemas(t *testing.T) {
	contracttest.Document(t)
}

func TestTheContractIsServedAsJSON(t *testing.T) {
	document, err := ReadContract()
	if err != nil {
		t.Fatal(err)
	}
	if len(document) < 1000 || document[0] != '{' {
		t.Fatalf("got %d bytes: %.40s", len(document), document)
	}
}
