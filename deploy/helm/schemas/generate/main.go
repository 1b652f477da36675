// generate writes one JSON Schema for each kind that the chart uses, from the Go types that define it: `go run . ..`.
//
// A field without omitempty is required, as the API servers' own documents have it; a key that no type knows is refused.
// What only a validation rule says (enumerations, ranges, patterns) is not in the types, and so not in these schemas.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	prometheus "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// kinds are named as kubeconform looks for them: kind, first word of the group, version.
var kinds = map[string]any{
	"deployment-apps-v1":                     apps.Deployment{},
	"statefulset-apps-v1":                    apps.StatefulSet{},
	"service-v1":                             core.Service{},
	"configmap-v1":                           core.ConfigMap{},
	"horizontalpodautoscaler-autoscaling-v2": autoscaling.HorizontalPodAutoscaler{},
	"poddisruptionbudget-policy-v1":          policy.PodDisruptionBudget{},
	"networkpolicy-networking-v1":            networking.NetworkPolicy{},
	"scaledobject-keda-v1alpha1":             keda.ScaledObject{},
	"triggerauthentication-keda-v1alpha1":    keda.TriggerAuthentication{},
	"servicemonitor-monitoring-v1":           prometheus.ServiceMonitor{},
}

type schema = map[string]any

// types that write themselves, and so look otherwise than their fields
var special = map[reflect.Type]schema{
	reflect.TypeFor[intstr.IntOrString](): {"type": []string{"integer", "string"}},
	reflect.TypeFor[resource.Quantity]():  {"type": []string{"number", "string"}},
	reflect.TypeFor[meta.Time]():          {"type": []string{"string", "null"}},
	reflect.TypeFor[meta.MicroTime]():     {"type": []string{"string", "null"}},
	reflect.TypeFor[meta.Duration]():      {"type": "string"},
	reflect.TypeFor[meta.FieldsV1]():      {"type": "object"},
}

type book struct{ definitions schema }

func main() {
	for name, kind := range kinds {
		b := book{schema{}}
		root := b.of(reflect.TypeOf(kind))
		root = schema{"$schema": "http://json-schema.org/draft-07/schema#", "allOf": []any{root}, "definitions": b.definitions}
		text, err := json.Marshal(root)
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], name+".json"), append(text, '\n'), 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func (b book) of(t reflect.Type) schema {
	if found, ok := special[t]; ok {
		return found
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.of(t.Elem())
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return schema{"type": "string"}
		}
		return schema{"type": []string{"array", "null"}, "items": b.of(t.Elem())}
	case reflect.Map:
		return schema{"type": []string{"object", "null"}, "additionalProperties": b.of(t.Elem())}
	case reflect.Struct:
		return b.reference(t)
	case reflect.Interface:
		return schema{}
	default:
		return schema{"type": "integer"}
	}
}

func (b book) reference(t reflect.Type) schema {
	name := strings.ReplaceAll(strings.TrimPrefix(t.PkgPath(), "k8s.io/"), "/", ".") + "." + t.Name()
	if _, begun := b.definitions[name]; !begun {
		b.definitions[name] = nil // it may hold itself
		properties, required := schema{}, []string{}
		b.fields(t, properties, &required)
		made := schema{"type": "object", "properties": properties, "additionalProperties": false}
		if len(required) > 0 {
			made["required"] = required
		}
		b.definitions[name] = made
	}
	return schema{"$ref": "#/definitions/" + name}
}

func (b book) fields(t reflect.Type, properties schema, required *[]string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case name == "" && field.Anonymous:
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			b.fields(inner, properties, required)
		default:
			properties[name] = b.of(field.Type)
			if !strings.Contains(options, "omit") && field.Type.Kind() != reflect.Pointer && name != "status" && name != "metadata" {
				*required = append(*required, name)
			}
		}
	}
}
