/*
 * The handover protocol as a model for spin: who may write in a store while it
 * is moved about, over a bad network, among crashes, by administrators who
 * change their minds. model_test.go runs it; to look at one configuration, and
 * then at the schedule that breaks it:
 *
 *	spin -a -DNO_FENCE handover.pml && gcc -O1 -DSAFETY -o pan pan.c && ./pan
 *	spin -t -p -g -DNO_FENCE handover.pml
 *
 * What is modelled is one store and what decides about it:
 *
 *   the hub's meta        hub/handover/machine.go, arrow by arrow
 *   the taking of a push  hub/records/apply.go: duplicates, gap, fence
 *   assignments           hub/greet, hub/session: told when something changed
 *   the device's store    agent/localdb/assign.go: freeze, load, confirmation
 *   reports               agent/engine/handover.go, resync.go: drained, loaded
 *   leases                hub/lease, agent/localdb/lease.go (with -DLEASE)
 *
 * The network. An assignment belongs to a session and arrives in order or not
 * at all: a session that is cut takes with it what was on its way, and messages
 * of another session are ignored. Everything else (push, receipt, drained,
 * loaded) says something that stays true, so such a message is a fact: once it
 * was said it may arrive at any time, any number of times, in any order, or
 * never. Loss, duplication and delay are all in that.
 *
 * Crashes. What is durable is written in one step, before anybody is told; all
 * else is the session. A crash of either side, between any two steps, is so the
 * same as a session that ends: "cut".
 *
 * Left out, since it decides nothing here: records and their delivery (a
 * delivery is one step; the log cannot move while a store is loaded), the hash
 * chain, purging, proposals. An intent is taken in one step: the number in the
 * meta makes a second taking a step that does nothing.
 *
 * What is checked, over all schedules:
 *
 *   G3  an epoch is written by one device, applied epochs never go down, and a
 *       device that can write is the one that the meta names, in its epoch,
 *       unless that epoch was ended without it: by force, by replacing it
 *   G1  what is trimmed from an outbox is settled; what a device wrote in an
 *       epoch that was not ended without it is applied, never in quarantine
 *   G2  nothing is applied twice, and changes are applied in their order
 *   progress: once faults and commands stop, nothing goes on for ever, and what
 *       it comes to is: no handover under way, its owner can write, everything
 *       is settled, and nobody else can write
 *
 * Each rule can be broken by a -D, and spin finds what it was good for.
 */

/* How much there is of everything; the test sets other sizes. What may happen
   besides moves: -DREPLACE (of a device), -DLEASE; not with -DNO_FORCE: force. */
#ifndef SITES
#define SITES 2
#endif
#ifndef COMMANDS
#define COMMANDS 3		/* of the administrator */
#endif
#ifndef WRITES
#define WRITES 1		/* of an application, in an epoch */
#endif
#ifndef QUEUE
#define QUEUE 2			/* assignments on their way to a device */
#endif

/* Devices: number i belongs to site i; the last one replaces that of site 1. */
#ifdef REPLACE
#define DEVICES (SITES + 1)
#define SITE(d) ((d) > SITES -> 1 : (d))
#define EPOCHS (COMMANDS + 3)
#else
#define DEVICES SITES
#define SITE(d) (d)
#define EPOCHS (COMMANDS + 2)
#endif

/*
 * The rules that can be broken.
 */
#define IS_WRITER(d, e) (epoch == (e) && owner == SITE(d) && replica == (d))
#ifdef NO_FENCE			/* whatever comes is applied */
#define FENCE(d, e) true
#else
#define FENCE(d, e) (IS_WRITER(d, e) && phase != LOADING)
#endif
#ifdef FENCE_FIRST		/* a batch that is sent again is held against the fence */
#define AGAIN(d, e) :: d_step { settled[AT(d, e)] > 0 && !FENCE(d, e) -> settle(d, e, 1) }
#else
#ifdef NO_DEDUPE		/* nobody knows it again */
#define AGAIN(d, e) :: d_step { settled[AT(d, e)] > 0 -> settle(d, e, 1) }
#else
#define AGAIN(d, e)
#endif
#endif
#ifdef NO_EPOCH			/* one epoch for all */
#define NEXT_EPOCH epoch
#else
#define NEXT_EPOCH (epoch + 1)
#endif
#ifdef NO_DRAIN_GUARD		/* the last changes are not waited for */
#define IS_DRAINED (drained[handover] > 0)
#else
#ifdef NO_HANDOVER_ID		/* what was said in a former handover counts */
#define IS_DRAINED (SAID(1) || SAID(2) || SAID(3))
#define SAID(h) (drained[h] > 0 && drainedIn[h] == epoch && settled[AT(replica, epoch)] >= drained[h] - 1)
#else
#define IS_DRAINED (drained[handover] > 0 && settled[AT(replica, epoch)] >= drained[handover] - 1)
#endif
#endif
#ifdef SAYS_IT_ONCE		/* drained is not said again of another handover */
#define SAYS_DRAINED(d) (dev[d].phase != DRAINING)
#else
#define SAYS_DRAINED(d) true
#endif
#ifdef NO_CONFIRMATION		/* the device writes as soon as it has all */
#define CONFIRMED(d) ((dev[d].phase == ACTIVE && dev[d].loaded == dev[d].epoch) || dev[d].scanned)
#else
#define CONFIRMED(d) (dev[d].phase == ACTIVE && dev[d].loaded == dev[d].epoch)
#endif
#ifdef TOLD_EARLY		/* the receipt goes out before the commit */
#define RECEIVED(d, e) made[AT(d, e)]
#else
#define RECEIVED(d, e) settled[AT(d, e)]
#endif
#ifdef TELLS_FOREVER		/* what was told is told again at once */
#define TELLS_ON true
#else
#define TELLS_ON false
#endif
#ifdef LEASE_FIRST		/* the welcome renews the lease before it is taken over */
#define MAY_RENEW(d) (heard[d] || nempty(down[d]))
#else
#define MAY_RENEW(d) heard[d]
#endif

#define CENTRE 0
#define NOBODY 0
#define AT(d, e) ((d) * EPOCHS + (e))
#define SIZE ((DEVICES + 1) * EPOCHS)

mtype = { NONE, ACTIVE, DRAINING, LOADING, RELEASED };

/* The hub's meta, durable; each change of it is one transaction. */
byte owner = 1;			/* site; all begins with a store that is active there */
byte replica = 1;		/* device, NOBODY until its hello */
byte epoch = 1;
mtype phase = ACTIVE;
byte handover, target;		/* under way, and the site that it goes to */
byte handovers;			/* IDs given out */
byte settled[SIZE];		/* n, by device and epoch */

/* The hub's sessions, gone in a crash. */
bool live[DEVICES + 1];
bool stale[DEVICES + 1];	/* it has to be told anew */
bool allowed[DEVICES + 1];	/* durable: its login is good */
bool heard[DEVICES + 1];	/* at the device: the welcome is taken over */

/* What a device has on its disk. */
typedef Store {
	mtype phase = NONE;
	byte epoch;
	byte handover;
	byte loaded;		/* the epoch the hub confirmed it may write in */
	bool scanned;		/* a whole delivery of epoch is here */
	bool lapsed;		/* its lease is over */
}
Store dev[DEVICES + 1];
byte made[SIZE];		/* the last n, by device and epoch */
byte confirmed[SIZE];		/* the last n it has a receipt of */

/* The network. */
chan down[DEVICES + 1] = [QUEUE] of { mtype, byte, byte };	/* assignments: phase, epoch, handover */
byte drained[COMMANDS + 2];	/* by handover: said, and then 1 + n */
byte drainedIn[COMMANDS + 2];	/* the epoch */
byte loaded[EPOCHS];		/* by epoch: the device that said so */

#ifdef SESSIONS_MIX		/* assignments of a former session are taken */
#define LATE
#endif
#ifdef ASSIGNMENTS_CROSS	/* what is read first may be told last */
#define LATE
#endif
#ifdef LATE
chan late[DEVICES + 1] = [1] of { mtype, byte, byte };
#endif

/* For use within a step. */
hidden byte i, before, to, e, h;
hidden mtype p;

/* What the checks remember. */
byte commands;
bool calm;			/* no more faults and commands */
byte newest;			/* epoch that was applied last */
byte writer[EPOCHS];		/* whose changes were applied in it */
byte ended[EPOCHS];		/* what is known of how it was ended */
#define WITHOUT 1		/* ... its device may not have heard of it */
#define LAPSED 2		/* ... its device had made itself read-only */

#define OWN(d) AT(d, dev[d].epoch)
#define WRITABLE(d) (CONFIRMED(d) && !dev[d].lapsed)
#if EPOCHS == 4
#define EACH(each, and, d) each(d, 1) and each(d, 2) and each(d, 3)
#endif
#if EPOCHS == 5
#define EACH(each, and, d) each(d, 1) and each(d, 2) and each(d, 3) and each(d, 4)
#endif
#if EPOCHS == 6
#define EACH(each, and, d) each(d, 1) and each(d, 2) and each(d, 3) and each(d, 4) and each(d, 5)
#endif
#define NOTHING_WAITS(d) (EACH(NONE_OF, &&, d))
#define NONE_OF(d, e) (made[AT(d, e)] == confirmed[AT(d, e)])
#define GOES(to) ((phase == DRAINING && target == (to)) || (phase != DRAINING && owner == (to)))

/* oneWriter: whoever can write is the one, or was cut off on purpose. */
inline oneWriter() {
	for (i : 1 .. DEVICES) {
		assert(!WRITABLE(i) || (IS_WRITER(i, dev[i].epoch) && phase != LOADING) || ended[dev[i].epoch] == WITHOUT)
	};
	skip
}

/* ---- the machine: each arrow is a compare-and-set on the meta ---- */

inline begin() { handovers++; handover = handovers }

inline done() { handover = 0; target = CENTRE }

/* Every change of owner or of replica takes a new epoch. */
inline giveTo(site) {
	epoch = NEXT_EPOCH;
	owner = site;
	replica = NOBODY;
	if
	:: owner == CENTRE -> phase = ACTIVE; done()
	:: else -> phase = LOADING; target = CENTRE
	fi
}

/* moved tells the sessions of the sites that are concerned. */
inline moved() {
	for (i : 1 .. DEVICES) {
		stale[i] = stale[i] || (live[i] && (SITE(i) == before || SITE(i) == owner || phase == ACTIVE))
	}
	oneWriter()
}

inline handOn(how) {
	before = owner;
	ended[epoch] = how;
	giveTo(target);
	moved()
}

/* To move it to its owner while it is drained is to cancel. */
inline move(to) {
	before = owner;
	if
	:: phase == ACTIVE && owner == CENTRE -> begin(); giveTo(to)
	:: phase == ACTIVE && owner != CENTRE -> begin(); phase = DRAINING; target = to
	:: phase == DRAINING && to == owner -> phase = ACTIVE; done()
	:: phase == DRAINING && to != owner -> begin(); target = to
	:: phase == LOADING && to == CENTRE -> giveTo(CENTRE)
	:: phase == LOADING && to != CENTRE -> begin(); giveTo(to)
	fi;
	moved()
}

/* The owner's site has another device, or none until that says hello. */
inline newReplica(d) {
	if
	:: phase == DRAINING -> handOn(WITHOUT)
	:: else ->
		before = owner;
		if
		:: phase == ACTIVE -> begin(); ended[epoch] = WITHOUT
		:: else
		fi;
		epoch = NEXT_EPOCH;
		replica = d;
		phase = LOADING;
		moved()
	fi
}

#define MAY_COMMAND (!calm && commands < COMMANDS)

active proctype Administrator() {
end:	do
	:: atomic { MAY_COMMAND ->
		commands++;
		if
		:: !GOES(CENTRE) -> to = CENTRE
		:: !GOES(1) -> to = 1
		:: !GOES(2) -> to = 2
#if SITES > 2
		:: !GOES(3) -> to = 3
#endif
		fi;
		d_step { move(to) } }
#ifndef NO_FORCE
	:: d_step { MAY_COMMAND && phase == DRAINING -> commands++; handOn(WITHOUT) }
#endif
	od
}

/* ---- the hub's side of a device ---- */

/* settle deals with the next change of a push: it is in turn and new. */
inline settle(d, e, n) {
	if
	:: FENCE(d, e) -> /* applied */
		assert(n == settled[AT(d, e)] + 1);
		assert(e >= newest);
		newest = e;
		assert(writer[e] == NOBODY || writer[e] == d);
		writer[e] = d
	:: else -> /* in quarantine */
		assert(ended[e] != 0)
	fi;
	settled[AT(d, e)] = n
}

/* Change n of an epoch arrives, n being the next; others are duplicates, or
   there is a gap before them, and nothing is done. */
#define PUSH(d, e) \
	:: d_step { made[AT(d, e)] > settled[AT(d, e)] -> settle(d, e, settled[AT(d, e)] + 1) } \
	AGAIN(d, e)

/* A session is over, at both ends. */
inline hangUp(d) {
	live[d] = false; stale[d] = false; heard[d] = false;
	do
	:: nempty(down[d]) -> down[d]?p, e, h
	:: empty(down[d]) -> break
	od;
#ifdef ASSIGNMENTS_CROSS
	if
	:: nempty(late[d]) -> late[d]?p, e, h
	:: empty(late[d])
	fi;
#endif
	skip
}

proctype Session(byte d) {
end:	do
	/* hello: the device is let in. */
	:: d_step { allowed[d] && !live[d] ->
		live[d] = true;
		if
		:: owner == SITE(d) && replica != NOBODY && replica != d -> newReplica(d)
		:: else
		fi;
		stale[d] = true }

	/* An assignment, with the welcome and whenever something changed. It fills
	   in the replica of a store that waits for one. */
	:: d_step { live[d] && stale[d] && nfull(down[d]) ->
		stale[d] = TELLS_ON;
		if
		:: owner == SITE(d) ->
			if
			:: replica == NOBODY -> replica = d
			:: else
			fi;
			down[d]!phase, epoch, handover
		:: else -> down[d]!RELEASED, 0, 0
		fi }

#ifdef LATE
	:: d_step { live[d] && owner == SITE(d) && replica == d && nfull(late[d]) -> late[d]!phase, epoch, handover }
#endif

	/* drained: the owner has frozen the store, and all that it wrote is in. */
	:: d_step { phase == DRAINING && replica == d && IS_DRAINED -> handOn(0) }

	/* loaded: the owner has everything. */
	:: d_step { phase == LOADING && replica == d && loaded[epoch] == d ->
		before = owner; phase = ACTIVE; done(); moved() }

	EACH(PUSH, , d)
	od
}

/* ---- the device ---- */

/* assign takes over what the hub says of the store, in one transaction. */
inline assign(d, p, e, h) {
	if
	:: p == RELEASED && dev[d].epoch == 0 -> skip
	:: p == RELEASED && dev[d].epoch != 0 ->
		dev[d].phase = RELEASED; dev[d].handover = 0; dev[d].scanned = false
	:: else ->
		if
		:: e != dev[d].epoch -> dev[d].epoch = e; dev[d].phase = NONE; dev[d].scanned = false
		:: else
		fi;
		if
		:: p != LOADING && dev[d].loaded != e && dev[d].scanned ->
			dev[d].loaded = e; dev[d].scanned = false
		:: else
		fi;
		if /* frozen: nothing is written any more, and so it is said */
		:: p == DRAINING && dev[d].loaded == e && SAYS_DRAINED(d) -> drained[h] = 1 + made[OWN(d)]; drainedIn[h] = e
		:: else
		fi;
		dev[d].phase = p;
		dev[d].handover = h
	fi;
	oneWriter()
}

#define RECEIPT(d, e) \
	:: d_step { live[d] && confirmed[AT(d, e)] < RECEIVED(d, e) -> \
		confirmed[AT(d, e)] = RECEIVED(d, e); \
		assert(confirmed[AT(d, e)] <= settled[AT(d, e)]) }

proctype Device(byte d) {
end:	do
	/* An application writes. */
	:: d_step { !calm && WRITABLE(d) && made[OWN(d)] < WRITES -> made[OWN(d)]++ }

	/* An assignment comes. That the hub was heard renews the lease, after. */
	:: d_step { nempty(down[d]) ->
		down[d]?p, e, h;
		assign(d, p, e, h);
		heard[d] = true }
#ifdef LATE
	:: d_step { live[d] && nempty(late[d]) -> late[d]?p, e, h; assign(d, p, e, h) }
#endif
	:: d_step { dev[d].lapsed && MAY_RENEW(d) -> dev[d].lapsed = false; oneWriter() }

	/* All of the store's data has come; and then it is said, once nothing
	   waits in the outbox, of former epochs neither. */
	:: d_step { live[d] && dev[d].phase == LOADING && !dev[d].scanned && IS_WRITER(d, dev[d].epoch) ->
		dev[d].scanned = true; oneWriter() }
	:: d_step { live[d] && dev[d].phase == LOADING && dev[d].scanned && NOTHING_WAITS(d) && loaded[dev[d].epoch] != d ->
		loaded[dev[d].epoch] = d }

	EACH(RECEIPT, , d)
	od
}

/* ---- what goes wrong ---- */

proctype Faults(byte d) {
end:	do
	/* The session ends: the line, the hub or the device fails. */
	:: d_step { !calm && live[d] -> hangUp(d) };
#ifdef PROGRESS
progress:	skip
#endif
#ifdef FREEZE_IN_MEMORY
	:: d_step { !calm && dev[d].phase == DRAINING -> hangUp(d); dev[d].phase = ACTIVE }
#endif
#ifdef LEASE
	/* Nobody hears of the device for so long that its lease is over. */
	:: d_step { !calm && !live[d] && replica == d && phase == DRAINING && !dev[d].lapsed -> dev[d].lapsed = true }
#endif
	od
}

#ifdef REPLACE
/* The device of site 1 is replaced: by an operator's reset, or because it was
   installed anew, which the hub learns by its hello. The former one goes on
   writing, and what it has sent may come yet. */
active proctype Replacement() {
	do
	:: d_step { !calm && allowed[1] && owner == 1 ->
		hangUp(1); allowed[1] = false; allowed[DEVICES] = true; newReplica(NOBODY) }; break
	:: d_step { !calm && allowed[1] -> hangUp(1); allowed[1] = false; allowed[DEVICES] = true }; break
	:: calm -> break
	od
}
#endif

#ifdef LEASE
/* The hub takes a store from a device that is read-only for sure, and that has
   no session: whoever connects hears first that the store is gone. */
active proctype Leases() {
end:	do
	:: d_step { phase == DRAINING && dev[replica].lapsed && !live[replica] -> handOn(LAPSED) }
	od
}
#endif

/* Then nothing new goes wrong, and all must come to a good end. */
active proctype Calm() {
	calm = true;
#ifndef PROGRESS
	timeout;
	assert(phase == ACTIVE && handover == 0);
	for (i : 1 .. DEVICES) {
		assert(!allowed[i] || NOTHING_WAITS(i));
		assert(!allowed[i] || WRITABLE(i) == IS_WRITER(i, dev[i].epoch));
		assert(!IS_WRITER(i, epoch) || dev[i].epoch == epoch)
	}
#endif
}

init {
	atomic {
		for (i : 1 .. DEVICES) {
			allowed[i] = (i <= SITES);
			if
			:: i == 1 -> dev[i].phase = ACTIVE; dev[i].epoch = 1; dev[i].loaded = 1
			:: else
			fi;
			run Session(i);
			run Device(i);
			run Faults(i)
		}
	}
}
