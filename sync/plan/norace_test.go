//go:build !race

package plan

const worldsByDefault = 20_000
