// Package registry is the hub's registry: sites and their devices, stores,
// users, the audit log and the memory of repeated commands.
//
// Everything durable is small JSON values under text keys that begin with
// "R/", kept by a Backend (the seam for other engines; NewKV is the one there
// is). An exported method owns its transaction: an administrator's edit is one
// conditional commit of details, desired stores, intents, audit entry and
// replay key, or nothing. Transactions are optimistic: what they read is a
// condition of their commit, and a conflict runs them again.
//
// Reads come from an index in memory that follows the commits. What they give
// is a copy.
//
// The registry holds where a store is wanted (Store.Site) and the wishes for
// it to get there (Intent). Who owns a store is the store's meta in package
// records, and the registry is repaired from it (SetDesired).
//
// # Keys
//
//	R/hub                        identity, hub key, generation
//	R/count/{kind}               next number of a kind
//	R/site/{id}                  what administrators edit
//	R/device/{id}                password, hardware, replicas, credentials; outlives its site
//	R/live/{id}                  when the site was last seen, and how
//	R/name/{folded name}         the site that has or had the name
//	R/store/{id}                 a store
//	R/code/{code}                the store that has or had the code
//	R/intent/{store}/{number}    a wish for a store, until it is done
//	R/user/{name}                a user or token
//	R/admins                     the users who can still administer
//	R/lease/{site id}            how long its device may write without contact
//	R/ask/{number}               what a site's device is asked for
//	R/audit/{newest first}       the audit log
//	R/replay/{user}/{command ID} an answered command
package registry
