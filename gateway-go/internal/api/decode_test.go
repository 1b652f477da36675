package api

import (
	"errors"
	"strings"
	"testing"

	"darkroom/gateway/internal/job"
)

func TestWhatIsNotExactlyARequestIsRefusedAtItsPlace(t *testing.T) {
	deep := strings.Repeat(`[`, 10_000) + strings.Repeat(`]`, 10_000)
	for name, c := range map[string]struct{ body, path string }{
		"nothing":                  {``, ""},
		"a list":                   {`[]`, ""},
		"a name of 100 kB":         {`{"` + strings.Repeat("n", 100_000) + `":1}`, "/" + strings.Repeat("n", 199) + "…"},
		"text":                     {`"a mug"`, ""},
		"null":                     {`null`, ""},
		"a null member":            {`{"prompt":"a mug","seed":null}`, "/seed"},
		"null in the metadata":     {`{"prompt":"a mug","metadata":{"order":null}}`, "/metadata/order"},
		"an unknown member":        {`{"prompt":"a mug","colour":"red"}`, "/colour"},
		"a member in upper case":   {`{"PROMPT":"a mug"}`, "/PROMPT"},
		"a member twice":           {`{"prompt":"a mug","prompt":"a jar"}`, "/prompt"},
		"twice in the metadata":    {`{"prompt":"a mug","metadata":{"a":"1","a":"2"}}`, "/metadata/a"},
		"a number for text":        {`{"prompt":7}`, "/prompt"},
		"text for a number":        {`{"prompt":"a mug","width":"512"}`, "/width"},
		"true for a number":        {`{"prompt":"a mug","width":true}`, "/width"},
		"a fraction":               {`{"prompt":"a mug","width":512.0}`, "/width"},
		"an exponent":              {`{"prompt":"a mug","steps":2e1}`, "/steps"},
		"a number beyond 64 bits":  {`{"prompt":"a mug","seed":18446744073709551616}`, "/seed"},
		"1e999":                    {`{"prompt":"a mug","guidance_scale":1e999}`, "/guidance_scale"},
		"NaN":                      {`{"prompt":"a mug","guidance_scale":NaN}`, "/guidance_scale"},
		"Infinity":                 {`{"prompt":"a mug","guidance_scale":-Infinity}`, "/guidance_scale"},
		"a lone surrogate":         {`{"prompt":"a \ud800 mug"}`, "/prompt"},
		"bytes that are not UTF-8": {"{\"prompt\":\"a \xff mug\"}", "/prompt"},
		"a byte order mark":        {"\ufeff" + `{"prompt":"a mug"}`, ""},
		"something after the end":  {`{"prompt":"a mug"} {}`, ""},
		"a comma after the last":   {`{"prompt":"a mug",}`, ""},
		"a comment":                {`{"prompt":"a mug"/* red */}`, ""},
		"half a body":              {`{"prompt":"a m`, "/prompt"},
		"depth 10 000":             {`{"metadata":` + deep + `}`, "/metadata"},
		"depth 10 000 at the top":  {deep, ""},
		"metadata that is no text": {`{"prompt":"a mug","metadata":{"order":{"id":7}}}`, "/metadata/order"},
		"an address as a picture":  {`{"prompt":"a mug","image":"http://169.254.169.254/"}`, "/image"},
		"an address in a picture":  {`{"prompt":"a mug","image":{"url":"http://127.0.0.1:6389/"}}`, "/image/url"},
		"metadata that is a list":  {`{"prompt":"a mug","metadata":["a"]}`, "/metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseRequest([]byte(c.body))
			var refusal *job.Error
			if !errors.As(err, &refusal) || refusal.Code != job.InvalidRequest {
				t.Fatalf("got %v", err)
			}
			if len(refusal.Fields) != 1 || refusal.Fields[0].Path != c.path || refusal.Fields[0].Message == "" {
				t.Errorf("the place is %+v, want %q", refusal.Fields, c.path)
			}
		})
	}
}

func TestARequestIsReadAsItWasSent(t *testing.T) {
	request, err := parseRequest([]byte(`{"prompt":"a \ud83d\ude00 مرحبا \u0000 <script>{{7*7}}\r\n%s{}","seed":4294967295,"guidance_scale":4,"metadata":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	if *request.Prompt != "a 😀 مرحبا \x00 <script>{{7*7}}\r\n%s{}" || *request.Seed != 4294967295 || *request.GuidanceScale != 4 {
		t.Errorf("got %+v", request)
	}
	if request.Width != nil || request.Steps != nil {
		t.Error("what was not sent was filled in")
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"prompt":"a mug","seed":1,"metadata":{"a":"b"}}`, `{"width":1e999}`, `null`, `{"a":`, "\ufeff{}", `[[[[]]]]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := parseRequest(body)
		var refusal *job.Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Code != job.InvalidRequest || len(refusal.Fields) == 0) {
			t.Fatalf("not a refusal with a place: %v", err)
		}
		if err == nil {
			_ = request.Hash() // must not panic on what was accepted
		}
	})
}
