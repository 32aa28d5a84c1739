// Package simulation lives whole migrations and nights through, thousands of them, in a network and a time of its own: the
// real reconcile, apply, session, limiter, retry and client code over the emulator. It holds tests only.
//
// A seed fixes a world (who is in the source, which accounts are there before, the policy, the workers, the limit) and what
// goes wrong in it. Whether a call goes wrong is decided by the seed, the call, the external ID that it is about and how often
// it was made before, never by the order in which calls arrive. So a world with one worker goes the same way again, to the
// byte, and one with many goes much the same way.
//
//	chance     decides by the seed
//	world      what the seed fixes
//	network    carries calls to the emulator, or loses, delays, refuses and repeats them
//	truth      the accounts, as the emulator's own answers tell, whoever got to see them
//	checker    what must hold, whatever happens
//	worker     a process of cubesync, from its start to its end or death
//	history    the processes of one world, one after the other, until all is quiet
//
// It isn't a test of speed, of real processes or of disks, and it doesn't say what a run should plan: sync/plan has worlds of
// its own for that.
package simulation
