// Command images builds the images of Darkroom without a container engine: each step of the Dockerfiles, in a bare Debian folder instead of the public
// base images. Then it starts them as Compose does, and has them draw a picture. It needs root, debootstrap, Go, and the registries that a build needs.
//
//	images build FOLDER [NAME]    the bases (kept) and the images, or one of them, into FOLDER
//	images start FOLDER           gateway and worker, beside services that the environment names
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const root = "../.."

var names = []string{"gateway", "worker"}

func main() {
	if len(os.Args) < 3 || os.Geteuid() != 0 {
		fail(fmt.Errorf("as root: images build FOLDER [NAME], or images start FOLDER"))
	}
	folder, err := filepath.Abs(os.Args[2])
	if err != nil {
		fail(err)
	}
	switch os.Args[1] {
	case "build":
		err = build(folder, os.Args[3:])
	case "start":
		err = start(folder)
	default:
		err = fmt.Errorf("unknown: %s", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func build(folder string, wanted []string) error {
	if len(wanted) == 0 {
		wanted = names
	}
	context := filepath.Join(folder, "context")
	if err := copyContext(context); err != nil {
		return err
	}
	for _, name := range wanted {
		begun := time.Now()
		b := builder{bases: filepath.Join(folder, "bases"), context: context, folder: filepath.Join(folder, name)}
		if err := b.build(filepath.Join(root, "deploy", "docker", name+".Dockerfile")); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s: built in %.0f s\n", name, time.Since(begun).Seconds())
	}
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
