package ledger

import (
	"context"
	"fmt"

	"darkroom/contract"
	"darkroom/gateway/internal/failpoint"

	"github.com/redis/go-redis/v9"
)

// scripts are the contract's, by name, each with the prelude in front.
type scripts map[string]*redis.Script

// points are before and after each script that a gateway runs.
var points = map[string][2]failpoint.Point{}

func init() {
	for _, name := range []string{"submit", "published", "abandon", "restore", "again", "settle", "entomb"} {
		before, after := failpoint.Around(name)
		points[name] = [2]failpoint.Point{before, after}
	}
}

func loadScripts() (scripts, error) {
	prelude, err := contract.Files.ReadFile("lua/prelude.lua")
	if err != nil {
		return nil, err
	}
	loaded := scripts{}
	for name := range points {
		text, err := contract.Files.ReadFile("lua/" + name + ".lua")
		if err != nil {
			return nil, err
		}
		loaded[name] = redis.NewScript(string(prelude) + "\n" + string(text))
	}
	return loaded, nil
}

// run answers the script's array; its first element is the word.
func (l *Ledger) run(ctx context.Context, name string, arguments ...any) ([]string, error) {
	before, after := points[name][0], points[name][1]
	if err := before.Hit(); err != nil {
		return nil, err
	}
	answer, err := l.scripts[name].Run(ctx, l.client, nil, arguments...).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("script %s: %w", name, classify(err))
	}
	if err := after.Hit(); err != nil {
		return nil, err
	}
	if len(answer) == 0 {
		return nil, fmt.Errorf("script %s answered nothing", name)
	}
	return answer, nil
}
