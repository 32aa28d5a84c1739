package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const ownerTag = "bench"

// writeConfig writes the configuration of a run into its folder and returns its path. The users are those of users.csv
// there, leavers is what becomes of leavers and by which rules, as YAML.
func writeConfig(folder, endpoint string, limit int, leavers string) (string, error) {
	path := filepath.Join(folder, "config.yaml")
	return path, os.WriteFile(path, fmt.Appendf(nil, configuration, endpoint, limit, ownerTag, leavers), 0o600)
}

const configuration = `
connectycube:
  endpoint: %s
  application_id: "1"
  auth_key: emulator-auth-key
  admin_key: emulator-admin-key
  rate_limit: %d
pipelines:
  - name: bench
    owner_tag: %s
    source: {csv: {path: users.csv, completeness: plausible}}
    mapping:
      external_id: {column: employee_id}
      email: {column: email}
      full_name: {template: "{given_name} {family_name}"}
      phone: {column: phone}
      website: {column: website}
      tags: [{column: tags, split: ";"}]
      custom_data: {column: custom_data, mode: merge}
    passwords: {derive: {secret: emulator-sample-secret}}
    updates: owner
    %s
`
