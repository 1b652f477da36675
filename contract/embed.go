// Package contract carries the treaty (schemas, scripts, topology) into the gateway's binary: go:embed cannot reach across folders, so this folder is a module.
package contract

import "embed"

// Files holds topology.json, the Lua scripts, the schemas and the OpenAPI document, by their path in this folder.
//
//go:embed *.json openapi.yaml lua/*.lua
var Files embed.FS
