package deploy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads the file as `docker compose` does, with these settings and every profile.
func compose(t *testing.T, environment ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "/docker-compose.yml"}, cli.WithEnv(environment), cli.WithDefaultProfiles("*"))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// lasting are the services that stay, by name: all but the one that draws the secrets, and the operator's command.
func lasting(project *types.Project) map[string]types.ServiceConfig {
	services := maps.Clone(map[string]types.ServiceConfig(project.Services))
	delete(services, "secrets")
	delete(services, "darkroom")
	return services
}

func environmentOf(service types.ServiceConfig) map[string]string {
	found := map[string]string{}
	for key, value := range service.Environment {
		if value != nil {
			found[key] = *value
		}
	}
	return found
}

func TestEveryServiceIsWatchedLimitedAndRunsWithoutPrivileges(t *testing.T) {
	writable := []string{"rabbitmq"} // its image has not been tried on a read-only root
	for name, service := range lasting(compose(t)) {
		built := service.Build != nil // its Dockerfile names user and health check
		for what, good := range map[string]bool{
			"a health check":       service.HealthCheck != nil && len(service.HealthCheck.Test) > 1 && service.HealthCheck.Interval != nil,
			"init":                 service.Init != nil && *service.Init,
			"a restart policy":     service.Restart == "unless-stopped",
			"limits":               service.Deploy != nil && service.Deploy.Resources.Limits != nil && service.Deploy.Resources.Limits.Pids > 0,
			"a memory limit":       service.Deploy != nil && service.Deploy.Resources.Limits.MemoryBytes > 0 || name == "worker-gpu",
			"a user but root":      built || service.User != "" && service.User != "root" && !strings.HasPrefix(service.User, "0"),
			"no capabilities":      slices.Equal(service.CapDrop, []string{"ALL"}) && service.CapAdd == nil && !service.Privileged,
			"no new privileges":    slices.Contains(service.SecurityOpt, "no-new-privileges:true"),
			"a read-only root":     service.ReadOnly != slices.Contains(writable, name),
			"time to stop":         service.StopGracePeriod != nil,
			"a network of its own": len(service.Networks) > 0,
			"an image with a tag":  built || regexp.MustCompile(`:[^:/]*[0-9]`).MatchString(service.Image),
		} {
			if !good {
				t.Errorf("%s has not: %s", name, what)
			}
		}
	}
}

func TestOnlyThePagesPortIsPublishedAndOnLoopback(t *testing.T) {
	var published []string
	for name, service := range compose(t).Services {
		for _, port := range service.Ports {
			if service.Profiles == nil {
				published = append(published, name+" "+port.HostIP+":"+port.Published)
			} else if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %s", name, port.Published, port.HostIP)
			}
		}
	}
	if !slices.Equal(published, []string{"gateway 127.0.0.1:8080"}) {
		t.Errorf("published: %v", published)
	}
	for settings, want := range map[string]string{"GATEWAY_PORT=9000": "127.0.0.1:9000", "GATEWAY_ADDR=0.0.0.0:80": "0.0.0.0:80"} {
		gateway := compose(t, settings).Services["gateway"]
		if port := gateway.Ports[0]; port.HostIP+":"+port.Published != want {
			t.Errorf("%s publishes %s:%s", settings, port.HostIP, port.Published)
		}
		if told := environmentOf(gateway)["PUBLISH_ADDR"]; told != want {
			t.Errorf("%s: the gateway is told PUBLISH_ADDR=%s", settings, told)
		}
	}
}

func TestNothingStartsBeforeWhatItNeedsIsHealthy(t *testing.T) {
	for name, service := range lasting(compose(t)) {
		for _, needed := range slices.Sorted(maps.Keys(service.DependsOn)) {
			want := "service_healthy"
			if needed == "secrets" {
				want = "service_completed_successfully"
			}
			if got := service.DependsOn[needed].Condition; got != want {
				t.Errorf("%s waits for %s to be %s", name, needed, got)
			}
		}
	}
	for _, name := range []string{"gateway", "worker", "worker-gpu"} {
		needs := slices.Sorted(maps.Keys(compose(t).Services[name].DependsOn))
		if !slices.Equal(needs, []string{"minio", "rabbitmq", "redis", "secrets"}) {
			t.Errorf("%s waits for %v", name, needs)
		}
	}
}

func TestAContainerIsGivenTheTimeThatItsDrainTakes(t *testing.T) {
	services := compose(t).Services
	gateway, err := time.ParseDuration(environmentOf(services["gateway"])["GATEWAY_GRACE"])
	if err != nil || time.Duration(*services["gateway"].StopGracePeriod) < gateway+5*time.Second {
		t.Errorf("gateway: %v for a drain of %v (%v)", services["gateway"].StopGracePeriod, gateway, err)
	}
	for _, name := range []string{"worker", "worker-gpu"} {
		service := services[name]
		drain := seconds(t, environmentOf(service)["WORKER_DRAIN_GRACE"]) + marginOfGunicorn(t)
		if time.Duration(*service.StopGracePeriod) < drain+5*time.Second || service.StopSignal != "SIGTERM" {
			t.Errorf("%s: %v and %s for a drain of %v", name, service.StopGracePeriod, service.StopSignal, drain)
		}
	}
}

func TestComposeSetsWhatTheCodeReadsAndNothingElse(t *testing.T) {
	services, told := compose(t).Services, manual(t)
	// Where things are inside a container, and what goes with a published port.
	placed := []string{"S3_ENDPOINT", "PUBLISH_ADDR", "GATEWAY_API_KEYS_FILE", "WORKER_CACHE_DIR", "WORKER_DEVICE"}
	gateway := environmentOf(services["gateway"])
	if problems := strange(gateway, keysOfGateway(t), told, placed...); len(problems) > 0 {
		t.Errorf("gateway: %v", problems)
	}
	if absent := missing(gateway, keysOfGateway(t), "GATEWAY_ADDR", "GATEWAY_ADMIN_ADDR", "MODELS_FILE", "TLS_CA_FILE"); len(absent) > 0 {
		t.Errorf("the gateway cannot be given %v", absent)
	}
	for _, name := range []string{"worker", "worker-gpu"} {
		worker := environmentOf(services[name])
		if problems := strange(worker, keysOfWorker(t), told, placed...); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		if absent := missing(worker, keysOfWorker(t), "MODELS_FILE", "CONTRACT_DIR", "WORKER_LOCK_DIR", "TLS_CA_FILE"); len(absent) > 0 {
			t.Errorf("%s cannot be given %v", name, absent)
		}
	}
}

func TestTheCommandIsGivenWhatItReadsAndNothingMore(t *testing.T) {
	command := compose(t).Services["darkroom"]
	placed := []string{"S3_ENDPOINT", "PUBLISH_ADDR", "GATEWAY_API_KEYS_FILE", "GATEWAY_ADMIN_ADDR", "DARKROOM_URL", "DARKROOM_API_KEY"}
	keys := keysOfCommand(t)
	keys["DARKROOM_API_KEY"] = false // the caller's own, handed in from outside
	if problems := strange(environmentOf(command), keys, manual(t), placed...); len(problems) > 0 {
		t.Error(problems)
	}
	if absent := missing(environmentOf(command), keys, "MODELS_FILE", "CONTRACT_DIR", "TLS_CA_FILE"); len(absent) > 0 {
		t.Errorf("it cannot be given %v", absent)
	}
	if !command.ReadOnly || !slices.Equal(command.CapDrop, []string{"ALL"}) || command.Restart != "no" || len(command.Ports) > 0 {
		t.Error("it may more than it needs")
	}
}

func TestEverySecretThatIsReadHasBeenDrawn(t *testing.T) {
	drawn := drawSecrets(t, nil)
	for name, service := range lasting(compose(t)) {
		for key, value := range environmentOf(service) {
			file, secret := strings.CutPrefix(value, "/secrets/")
			if secret && drawn[file] == "" {
				t.Errorf("%s reads %s from %s, which nobody makes", name, key, value)
			}
		}
		for _, word := range regexp.MustCompile(`/secrets/([a-z0-9_]+)`).FindAllStringSubmatch(strings.Join(slices.Concat([]string(service.Command), []string(service.Entrypoint), []string(service.HealthCheck.Test)), " "), -1) {
			if drawn[word[1]] == "" {
				t.Errorf("%s reads %s, which nobody makes", name, word[0])
			}
		}
	}
}

func TestASecondGPUIsOneMoreServiceAsTheManualSays(t *testing.T) {
	snippet := regexp.MustCompile("(?s)```yaml\n(# docker-compose.override.yml.*?)```").FindStringSubmatch(read(t, "docs/operations.md"))
	if snippet == nil {
		t.Fatal("docs/operations.md shows no docker-compose.override.yml")
	}
	project := withOverride(t, snippet[1])
	first, second := project.Services["worker-gpu"], project.Services["worker-gpu-1"]
	if a, b := device(first), device(second); a != "0" || b != "1" {
		t.Errorf("the two workers own GPU %s and GPU %s", a, b)
	}
	if second.Image != first.Image || !slices.Equal(second.Profiles, []string{"gpu"}) {
		t.Errorf("the second is %s in %v", second.Image, second.Profiles)
	}
}

func device(service types.ServiceConfig) string {
	return strings.Join(service.Deploy.Resources.Reservations.Devices[0].IDs, ",")
}
