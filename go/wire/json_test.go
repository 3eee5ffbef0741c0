package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// The client speaks frames only. The JSON vectors are read to check that
// the fields of the frame beside each are what they say, and no others.
func TestFramesAreWhatTheirJSONSays(t *testing.T) {
	for _, path := range vectors(t, "*.json") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&object); err != nil {
			t.Fatal(path, err)
		}
		frame, _, _ := parse(t, strings.TrimSuffix(path, ".json")+".hex")
		f, err := Decode(frame, FrameBytesMax)
		if err != nil {
			t.Fatal(path, err)
		}
		if id, ok := object["id"]; ok && id.(json.Number).String() != strconv.FormatUint(f.Request, 10) {
			t.Errorf("%s: id %v", path, id)
		}
		delete(object, "id")
		for _, fields := range object {
			same(t, filepath.Base(path), reflect.ValueOf(f.Body).Elem(), fields.(map[string]any))
		}
	}
}

// same compares a struct with an object. What the object lacks must be 0,
// but for the kind of a Send.
func same(t *testing.T, path string, v reflect.Value, object map[string]any) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		value, ok := lookup(object, name)
		f := v.Field(i)
		switch {
		case ok:
			sameValue(t, path+" "+name, f, value)
		case f.IsZero() || f.Kind() == reflect.Slice && f.Len() == 0 || name == "Kind" && f.Uint() == 1:
		default:
			t.Errorf("%s: %s is %v, and not in JSON", path, name, f)
		}
	}
}

func lookup(object map[string]any, name string) (any, bool) {
	for key, value := range object {
		flat := strings.ReplaceAll(key, "_", "")
		if strings.EqualFold(flat, name) || name == "Body" && key == "text" {
			if name == "Body" && key == "body" {
				b, _ := base64.StdEncoding.DecodeString(value.(string))
				return string(b), true
			}
			return value, true
		}
	}
	return nil, false
}

func sameValue(t *testing.T, path string, f reflect.Value, value any) {
	got := ""
	switch x := value.(type) {
	case map[string]any:
		same(t, path, f, x)
		return
	case []any:
		for i := range max(len(x), f.Len()) {
			if i >= f.Len() {
				t.Errorf("%s: %d, not %d", path, f.Len(), len(x))
			} else if i < len(x) {
				sameValue(t, path, f.Index(i), x[i])
			} else if !f.Index(i).IsZero() {
				t.Errorf("%s: %d is not 0", path, i)
			}
		}
		return
	case bool:
		got = map[bool]string{true: "1", false: "0"}[x]
	case json.Number:
		got = x.String()
	case string:
		got = x
	}
	want := f.String()
	if f.CanUint() {
		want = strconv.FormatUint(f.Uint(), 10)
	} else if id, ok := f.Interface().(MsgID); ok {
		want = id.String()
	}
	if got != want {
		t.Errorf("%s: %q in JSON, %q in the frame", path, got, want)
	}
}
