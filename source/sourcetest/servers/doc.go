// Package servers starts real servers for the tests of sources: on loopback, in folders of the tests' own, and ended with them.
package servers
