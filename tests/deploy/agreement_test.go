package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// where each way of running has its own answer: addresses, paths, names and secrets
var placed = []string{
	"RABBITMQ_URL", "REDIS_URL", "S3_ENDPOINT", "S3_SECURE", "S3_ACCESS_KEY", "S3_SECRET_KEY", "GATEWAY_ADDR", "GATEWAY_ADMIN_ADDR", "GATEWAY_ID_KEYS",
	"GATEWAY_API_KEYS_FILE", "PUBLISH_ADDR", "MODELS_FILE", "CONTRACT_DIR", "WORKER_NAME", "WORKER_DEVICE", "WORKER_MODELS", "WORKER_CACHE_DIR", "WORKER_LOCK_DIR",
}

// TestComposeChartAndNativeRunnerAgree reads all three: what a gateway and a worker are told, and where they listen.
func TestComposeChartAndNativeRunnerAgree(t *testing.T) {
	told, services := manual(t), compose(t).Services
	halves := map[string]map[string]map[string]string{
		"gateway": {
			"compose": environmentOf(services["gateway"]), "chart": environmentOfPod(named(t, "", "Deployment", "me-gateway")), "native": ofRunner(t, keysOfGateway(t)),
		},
		"worker": {
			"compose": environmentOf(services["worker"]), "chart": environmentOfPod(named(t, "", "Deployment", "me-worker-default")), "native": ofRunner(t, keysOfWorker(t)),
		},
	}
	for half, ways := range halves {
		keys := keysOfGateway(t)
		if half == "worker" {
			keys = keysOfWorker(t)
		}
		for key := range keys {
			for way, environment := range ways {
				value, set := environment[key]
				if set && !slices.Contains(placed, key) && same(value) != same(told[key]) {
					t.Errorf("%s of %s: %s=%s, but %s in the manual and so elsewhere", half, way, key, value, told[key])
				}
			}
		}
		for _, key := range []string{"RABBITMQ_URL", "REDIS_URL", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET"} {
			for way, environment := range ways {
				if environment[key] == "" && environment[key+"_FILE"] == "" {
					t.Errorf("%s of %s is not told %s", half, way, key)
				}
			}
		}
	}
}

func TestTheyListenOnTheSamePorts(t *testing.T) {
	told := manual(t)
	want := map[string]string{"gateway": told["GATEWAY_PORT"] + " " + told["GATEWAY_ADMIN_PORT"], "worker": told["WORKER_PORT"]}
	for half, file := range map[string]string{"gateway": dockerfiles[0], "worker": dockerfiles[1]} {
		if exposed := regexp.MustCompile(`(?m)^EXPOSE (.*)$`).FindStringSubmatch(read(t, file)); exposed == nil || exposed[1] != want[half] {
			t.Errorf("%s exposes %v, not %s", file, exposed, want[half])
		}
	}
	for half, name := range map[string]string{"gateway": "me-gateway", "worker": "me-worker-default"} {
		var ports []string
		for _, port := range named(t, "", "Deployment", name).Spec.Template.Spec.Containers[0].Ports {
			ports = append(ports, port.Port)
		}
		if strings.Join(ports, " ") != want[half] {
			t.Errorf("the chart's %s listens on %v, not %s", half, ports, want[half])
		}
	}
	if gateway := compose(t).Services["gateway"]; gateway.Ports[0].Published != told["GATEWAY_PORT"] || gateway.Ports[0].Target != 8080 {
		t.Errorf("compose publishes %+v", gateway.Ports[0])
	}
}

func TestTheBrokerIsToldTheSameEverywhere(t *testing.T) {
	want := "consumer_timeout = " + manual(t)["RABBITMQ_CONSUMER_TIMEOUT"]
	if limits := compose(t).Configs["rabbitmq-limits"].Content; !strings.Contains(limits, want) {
		t.Errorf("compose: %s", limits)
	}
	cluster := strings.Join(render(t, "rabbitmq: {cluster: {enabled: true}}"), "\n")
	for _, line := range []string{want, "disk_free_limit.absolute = 1GB"} {
		if !strings.Contains(cluster, line) {
			t.Errorf("the chart's cluster is not told %q", line)
		}
	}
	for line := range strings.Lines(read(t, "deploy/rabbitmq/advanced.config")) {
		if !strings.HasPrefix(line, "%%") && !strings.Contains(cluster, strings.TrimSpace(line)) {
			t.Errorf("the chart's cluster is not told %q", line)
		}
	}
	if !strings.Contains(read(t, "deploy/rabbitmq/rabbitmq.conf"), "disk_free_limit.absolute = 1GB") {
		t.Error("the common configuration says otherwise")
	}
}

// ofRunner is what `stack.py env` prints, without a setting of ours: key -> value of those that a half reads.
func ofRunner(t *testing.T, keys map[string]bool) map[string]string {
	t.Helper()
	command := exec.Command("python3", filepath.Join(root, "deploy/native/stack.py"), "env") //nolint:gosec // the project's own
	command.Env = []string{"ENV_FILE=/dev/null", "HOME=/tmp", "PATH=" + os.Getenv("PATH"), "DATA_DIR=" + t.TempDir()}
	output, err := command.Output()
	if err != nil {
		t.Fatalf("stack.py env: %v", err)
	}
	found := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^export ([A-Z0-9_]+)='?(.*?)'?$`).FindAllStringSubmatch(string(output), -1) {
		if _, read := keys[strings.TrimSuffix(line[1], "_FILE")]; read || strings.HasSuffix(line[1], "_FILE") {
			found[line[1]] = line[2]
		}
	}
	return found
}
