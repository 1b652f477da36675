package deploy

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

const chartFolder = root + "/deploy/helm"

// everything is the chart with all that it can hold.
const everything = `
caFile: true
apiKeysSecret: keys
models: "models: []"
settings: {LOG_LEVEL: debug}
rabbitmq: {cluster: {enabled: true}}
redis: {enabled: true}
monitoring: {enabled: true}
workers:
  - {name: a100, models: [pocket-studio, simulated], gpus: 1, replicas: {min: 0, max: 3}, jobs: 4, idle: 300, cache: 20Gi,
     settings: {WORKER_MEMORY: 60GiB}, nodeSelector: {gpu: a100}, tolerations: [{key: nvidia.com/gpu, operator: Exists}],
     resources: {requests: {cpu: "4", memory: 16Gi}, limits: {memory: 64Gi}}}
  - {name: cpu, models: [simulated], gpus: 0, replicas: {min: 1, max: 1}, jobs: 4, idle: 300, cache: 1Gi, settings: {}, nodeSelector: {}, tolerations: [],
     resources: {requests: {cpu: "1", memory: 2Gi}, limits: {memory: 8Gi}}}
`

// render is what `helm template me deploy/helm` prints, one text for each object.
func render(t *testing.T, values string) []string {
	t.Helper()
	chart, err := loader.Load(chartFolder)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	release := common.ReleaseOptions{Name: "me", Namespace: "here", Revision: 1, IsInstall: true}
	complete, err := util.ToRenderValues(chart, given, release, common.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Engine{Strict: true}.RenderWithContext(t.Context(), chart, complete)
	if err != nil {
		t.Fatal(err)
	}
	var objects []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for document := range strings.SplitSeq(files[name], "\n---") {
			if strings.Contains(document, "kind:") {
				objects = append(objects, document)
			}
		}
	}
	return objects
}

// object is a rendered one with the few parts that the tests ask for.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		ScaleTargetRef  struct{ Name string } `yaml:"scaleTargetRef"`
		MinReplicaCount int                   `yaml:"minReplicaCount"`
		Triggers        []struct {
			Type     string
			Metadata map[string]string
		}
		Selector any
		Ports    []struct{ Name, TargetPort string }
	}
}

type pod struct {
	SecurityContext struct {
		RunAsNonRoot bool `yaml:"runAsNonRoot"`
	} `yaml:"securityContext"`
	Grace      int `yaml:"terminationGracePeriodSeconds"`
	Containers []struct {
		Name  string
		Image string
		Env   []struct{ Name, Value string }
		Ports []struct {
			Name string
			Port string `yaml:"containerPort"`
		}
		SecurityContext struct {
			ReadOnly  bool `yaml:"readOnlyRootFilesystem"`
			Escalate  bool `yaml:"allowPrivilegeEscalation"`
			RunAsUser int  `yaml:"runAsUser"`
		} `yaml:"securityContext"`
		LivenessProbe, ReadinessProbe, StartupProbe map[string]any `yaml:",omitempty"`
		Resources                                   struct{ Limits map[string]string }
		VolumeMounts                                []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
		} `yaml:"volumeMounts"`
	}
	Volumes []struct{ Name string }
}

func objects(t *testing.T, values string) []object {
	t.Helper()
	var found []object
	for _, text := range render(t, values) {
		var one object
		if err := yaml.Unmarshal([]byte(text), &one); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		found = append(found, one)
	}
	return found
}

func named(t *testing.T, values, kind, name string) object {
	t.Helper()
	for _, one := range objects(t, values) {
		if one.Kind == kind && one.Metadata.Name == name {
			return one
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return object{}
}

func environmentOfPod(one object) map[string]string {
	found := map[string]string{}
	for _, variable := range one.Spec.Template.Spec.Containers[0].Env {
		found[variable.Name] = variable.Value
	}
	return found
}

func TestEveryObjectOfTheChartIsWhatItsKindAllows(t *testing.T) {
	judge := kubeconform(t)
	seen := map[string]bool{}
	for name, values := range map[string]string{"the defaults": "", "everything": everything} {
		for _, text := range render(t, values) {
			result := judge.ValidateResource(resource.Resource{Path: name, Bytes: []byte(text)})
			signature, err := result.Resource.Signature()
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			seen[signature.Kind] = true
			if result.Status != validator.Valid {
				t.Errorf("%s: %s %s: %v\n%s", name, signature.Kind, signature.Name, result.Err, text)
			}
		}
	}
	want := []string{
		"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "RabbitmqCluster", "ScaledObject",
		"Service", "ServiceMonitor", "StatefulSet", "TriggerAuthentication",
	}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("kinds: %v", got)
	}
}

func TestTheSchemasRefuseWhatNoKindKnows(t *testing.T) {
	judge := kubeconform(t)
	deployment := render(t, "")[0]
	for old, wrong := range map[string]string{
		"terminationGracePeriodSeconds:": "terminationGraceSeconds:", "containers:": "container:", "containerPort: 8080": `containerPort: "http"`,
	} {
		if !strings.Contains(deployment, old) {
			t.Fatalf("the first object holds no %q", old)
		}
		broken := strings.Replace(deployment, old, wrong, 1)
		if result := judge.ValidateResource(resource.Resource{Bytes: []byte(broken)}); result.Status != validator.Invalid {
			t.Errorf("%s is taken: %v", wrong, result.Status)
		}
	}
}

func TestTheSchemaOfTheBrokersClusterRefusesWhatItsOperatorDoesNotKnow(t *testing.T) {
	judge := kubeconform(t)
	for _, object := range render(t, everything) {
		if !strings.Contains(object, "kind: RabbitmqCluster") {
			continue
		}
		for old, wrong := range map[string]string{"replicas: 3": "replicas: three", "additionalConfig:": "extraConfig:", "storage: 10Gi": "storage: ten"} {
			broken := strings.Replace(object, old, wrong, 1)
			if result := judge.ValidateResource(resource.Resource{Bytes: []byte(broken)}); broken == object || result.Status != validator.Invalid {
				t.Errorf("%s is taken: %v", wrong, result.Status)
			}
		}
		return
	}
	t.Fatal("no RabbitmqCluster is rendered")
}

func kubeconform(t *testing.T) validator.Validator {
	t.Helper()
	folder, err := filepath.Abs(chartFolder + "/schemas")
	if err != nil {
		t.Fatal(err)
	}
	judge, err := validator.New([]string{folder + "/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return judge
}

func TestTheChartSetsWhatTheCodeReadsAndNothingElse(t *testing.T) {
	told := manual(t)
	placed := []string{
		"S3_ENDPOINT", "PUBLISH_ADDR", "GATEWAY_API_KEYS_FILE", "TLS_CA_FILE", "MODELS_FILE", "WORKER_CACHE_DIR", "WORKER_DEVICE", "WORKER_MODELS",
		"LOG_LEVEL", "WORKER_MEMORY", // given by the test
	}
	for _, values := range []string{"", everything} {
		for _, one := range objects(t, values) {
			keys := keysOfGateway(t)
			switch {
			case one.Kind != "Deployment":
				continue
			case strings.Contains(one.Metadata.Name, "worker"):
				keys = keysOfWorker(t)
			}
			if problems := strange(environmentOfPod(one), keys, told, placed...); len(problems) > 0 {
				t.Errorf("%s: %v", one.Metadata.Name, problems)
			}
		}
	}
}

func TestAPodIsGivenTheTimeThatItsDrainTakes(t *testing.T) {
	values := everything + "gateway: {grace: 90}\nworker: {drainGrace: 600}\n"
	gateway, worker := named(t, values, "Deployment", "me-gateway"), named(t, values, "Deployment", "me-worker-a100")
	drain, err := time.ParseDuration(environmentOfPod(gateway)["GATEWAY_GRACE"])
	if given := time.Duration(gateway.Spec.Template.Spec.Grace) * time.Second; err != nil || drain != 90*time.Second || given < drain+5*time.Second {
		t.Errorf("gateway: %v for a drain of %v (%v)", given, drain, err)
	}
	drain = seconds(t, environmentOfPod(worker)["WORKER_DRAIN_GRACE"]) + marginOfGunicorn(t)
	if given := time.Duration(worker.Spec.Template.Spec.Grace) * time.Second; drain < 600*time.Second || given < drain+5*time.Second {
		t.Errorf("worker: %v for a drain of %v", given, drain)
	}
}

func TestEveryPodIsProbedLimitedAndRunsWithoutPrivileges(t *testing.T) {
	for _, one := range objects(t, everything) {
		if one.Kind != "Deployment" && one.Kind != "StatefulSet" {
			continue
		}
		container := one.Spec.Template.Spec.Containers[0]
		mounted := map[string]bool{}
		for _, mount := range container.VolumeMounts {
			mounted[mount.Name] = true
		}
		for _, volume := range one.Spec.Template.Spec.Volumes {
			if !mounted[volume.Name] {
				t.Errorf("%s: nobody mounts %s", one.Metadata.Name, volume.Name)
			}
		}
		for what, good := range map[string]bool{
			"a user but root":  one.Spec.Template.Spec.SecurityContext.RunAsNonRoot && container.SecurityContext.RunAsUser > 0,
			"a read-only root": container.SecurityContext.ReadOnly && !container.SecurityContext.Escalate,
			"a memory limit":   container.Resources.Limits["memory"] != "",
			"a pinned image":   strings.ContainsAny(container.Image[strings.LastIndex(container.Image, ":")+1:], "0123456789"),
		} {
			if !good {
				t.Errorf("%s has not: %s", one.Metadata.Name, what)
			}
		}
	}
}

func TestWorkersOfAClassAreScaledByTheQueuesOfItsModels(t *testing.T) {
	scaler := named(t, everything, "ScaledObject", "me-worker-a100")
	if scaler.Spec.ScaleTargetRef.Name != "me-worker-a100" || scaler.Spec.MinReplicaCount != 0 {
		t.Errorf("%+v", scaler.Spec)
	}
	var queues []string
	for _, trigger := range scaler.Spec.Triggers {
		queues = append(queues, trigger.Type+" "+trigger.Metadata["queueName"]+" "+trigger.Metadata["mode"])
	}
	if want := []string{"rabbitmq darkroom.jobs.pocket-studio QueueLength", "rabbitmq darkroom.jobs.simulated QueueLength"}; !slices.Equal(queues, want) {
		t.Errorf("queues: %v", queues)
	}
	if !strings.Contains(read(t, "contract/topology.json"), `"darkroom.jobs.`) {
		t.Error("the treaty names its queues otherwise")
	}
	if gpus := named(t, everything, "Deployment", "me-worker-a100").Spec.Template.Spec.Containers[0].Resources.Limits["nvidia.com/gpu"]; gpus != "1" {
		t.Errorf("GPUs: %s", gpus)
	}
}

func TestTheChartShipsASchemaOfEachKindAndNoOther(t *testing.T) {
	files, err := filepath.Glob(chartFolder + "/schemas/*.json")
	if err != nil || len(files) != 11 {
		t.Errorf("%d schemas: %v (%v)", len(files), files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the project's own
		if err != nil || !bytes.Contains(text, []byte("additionalProperties")) {
			t.Error(fmt.Errorf("%s: %w", file, err))
		}
	}
}
