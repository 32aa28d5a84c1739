package config

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// ScheduleCheck says whether the scheduler understands a schedule in a time zone.
type ScheduleCheck func(spec string, zone *time.Location) error

// Load reads and checks the configuration at path. The environment is asked for the variables that secrets name, and
// schedule for every schedule. Everything that is wrong is in the one *Error.
func Load(path string, env func(string) (string, bool), schedule ScheduleCheck) (*Config, error) {
	c := &checker{file: path, env: env, schedule: schedule}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the folder of %s: %w", path, err)
	}
	c.folder = filepath.Dir(full)
	config := c.config(c.read())
	if err := c.err(); err != nil {
		return nil, err
	}
	config.Path = full
	for i := range config.Pipelines {
		p := &config.Pipelines[i]
		p.Settings, p.Digest = p.settings(), p.digest(config.ConnectyCube)
	}
	return config, nil
}

// read returns the file's only document, nil after a complaint.
func (c *checker) read() *value {
	file, err := os.Open(c.file)
	if err != nil {
		c.complain(position{}, "", "can't be read: "+cause(err).Error(), "name the configuration with --config")
		return nil
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		c.complain(position{}, "", "can't be read: "+cause(err).Error(), "name a file with --config")
		return nil
	}
	return c.parse(text)
}

// config reads the whole file.
func (c *checker) config(root *value) *Config {
	if root == nil {
		return nil
	}
	top := node{checker: c, at: position{1, 1}, value: root}.object("begin with a copy of the config.yaml that comes with cubesync",
		"connectycube", "emulator", "state", "keep_runs", "pipelines")
	app, with := c.connectyCube(top.need("connectycube", "say which application the users are in"))
	return &Config{
		ConnectyCube: app,
		Emulator:     c.emulator(top.get("emulator")),
		State:        top.get("state").filePath(defaultState),
		KeepRuns:     top.get("keep_runs").integer(defaultKeepRuns, 1, math.MaxInt),
		Pipelines:    c.pipelines(top.need("pipelines", "add at least one pipeline"), with),
	}
}

func (c *checker) emulator(n node) Emulator {
	group := n.object("write data: PATH under it", "data")
	return Emulator{Data: group.get("data").filePath(defaultEmulatorData)}
}

// filePath returns an absolute path.
func (n node) filePath(preset string) string {
	text, ok := n.text()
	if !ok {
		text = preset
	}
	return n.absolute(text)
}
