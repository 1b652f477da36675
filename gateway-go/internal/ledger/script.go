package ledger

import (
	"context"
	"fmt"

	"darkroom/contract"

	"github.com/redis/go-redis/v9"
)

// scripts are the contract's, by name, each with the prelude in front.
type scripts map[string]*redis.Script

func loadScripts() (scripts, error) {
	prelude, err := contract.Files.ReadFile("lua/prelude.lua")
	if err != nil {
		return nil, err
	}
	loaded := scripts{}
	for _, name := range []string{"submit", "published", "abandon", "restore", "again", "settle", "entomb"} {
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
	answer, err := l.scripts[name].Run(ctx, l.client, nil, arguments...).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("script %s: %w", name, classify(err))
	}
	if len(answer) == 0 {
		return nil, fmt.Errorf("script %s answered nothing", name)
	}
	return answer, nil
}
