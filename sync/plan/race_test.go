//go:build race

package plan

// worldsByDefault: a tenth, as the race detector keeps something of each coroutine for ever, and takes ten times as long.
const worldsByDefault = 2_000
