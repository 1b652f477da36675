package config

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"darkroom/gateway/internal/job"
)

var bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// check judges the values, and makes what is made from them.
func (c *Config) check(environment map[string]string) []error {
	if c.PublishAddr == "" {
		c.PublishAddr = c.Addr
	}
	keys, keysErr := job.ParseKeys(c.IDKeysText)
	levelErr := c.LogLevel.UnmarshalText([]byte(strings.TrimSuffix(c.LogLevelName, "ing"))) // Python says warning
	if !slices.Contains([]string{"debug", "info", "warn", "warning", "error"}, c.LogLevelName) {
		levelErr = errors.New("not a level")
	}
	roots, rootsErr := authorities(c.TLSCAPath)
	c.IDKeys, c.Roots, c.Retention = keys, roots, time.Duration(c.RetentionSeconds)*time.Second
	var problems []error
	for name, good := range map[string]bool{
		"Addr": isHostPort(c.Addr), "AdminAddr": isHostPort(c.AdminAddr), "PublishAddr": hostOf(c.PublishAddr) != "", "S3Endpoint": isHostPort(c.S3Endpoint),
		"RabbitMQURL": hasScheme(c.RabbitMQURL, "amqp", "amqps"), "RedisURL": hasScheme(c.RedisURL, "redis", "rediss"),
		"S3Bucket": bucketForm.MatchString(c.S3Bucket), "RetentionSeconds": c.RetentionSeconds >= 60 && c.RetentionSeconds <= 315_360_000,
		"LogLevelName": levelErr == nil, "IDKeysText": keysErr == nil, "TLSCAPath": rootsErr == nil,
		"OTLPEndpoint": c.OTLPEndpoint == "" || hasScheme(c.OTLPEndpoint, "http", "https"),
		"QueueLimit":   c.QueueLimit >= 1 && c.QueueLimit <= 10_000, "OwnerLimit": c.OwnerLimit >= 0 && c.OwnerLimit <= 10_000,
		"JanitorInterval": c.JanitorInterval >= 100*time.Millisecond && c.JanitorInterval <= time.Minute,
		"OwnerRate":       c.OwnerRate >= 0 && c.OwnerRate <= 100_000, "AddressRate": c.AddressRate >= 0 && c.AddressRate <= 100_000,
		"TrustedProxies": !slices.ContainsFunc(c.TrustedProxies, func(s string) bool { return !isNetwork(s) }),
		"Grace":          c.Grace >= 0 && c.Grace <= 10*time.Minute,
	} {
		if !good {
			problems = append(problems, bad(name, environment))
		}
	}
	if len(problems) == 0 {
		problems = c.defaultCredentials()
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return problems
}

// defaultCredentials refuses what everybody knows where everybody can reach it.
func (c *Config) defaultCredentials() []error {
	if isLoopback(hostOf(c.PublishAddr)) {
		return nil
	}
	var problems []error
	refuse := func(key string) {
		problems = append(problems, errors.New(key+": default credentials are refused because PUBLISH_ADDR="+c.PublishAddr+" is not loopback; allowed: credentials of your own"))
	}
	if broker, err := url.Parse(c.RabbitMQURL); err == nil {
		if password, _ := broker.User.Password(); password == "guest" || password == "" && broker.User.Username() == "" {
			refuse("RABBITMQ_URL")
		}
	}
	if c.S3AccessKey == "minioadmin" || c.S3SecretKey == "minioadmin" {
		refuse("S3_ACCESS_KEY, S3_SECRET_KEY")
	}
	return problems
}

func isHostPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port != ""
}

func hasScheme(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}

// hostOf finds the host in "host", "host:port" or a URL.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		if host == "" {
			return "0.0.0.0" // ":8080" is every interface
		}
		return host
	}
	return strings.Trim(address, "[]")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func isNetwork(text string) bool {
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	_, err := netip.ParseAddr(text)
	return err == nil
}
