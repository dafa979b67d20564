// Package broker moves bytes between the hub and its MQTT clients, 3.1.1 and
// 5, and decides who may speak on which topic. It knows no message: a Handler
// says who a connection is and takes what clients publish.
//
// It is the only package that imports mochi-mqtt, and uses the part of it that
// is good: the packets, and for each connection the flows of acknowledgements.
// Its server never serves, and no client is on its list. What surrounds a
// connection is here, because there
//
//   - a failing Accept ends the listener, and a client that has not said who it
//     is may take any time and any memory. Here connections are accepted,
//     bounded, served and waited for one by one, and a panic in the decoder
//     costs one connection;
//   - the clean-up of an old connection can delete the new one of the same
//     client ID, which is then connected, pinged, and sent nothing ever again.
//     Here sessions decides who is live, by identity and not by client ID;
//   - a full queue loses messages of any QoS, and in silence. Here every client
//     has one queue, and a message that finds it full is an error;
//   - what a client publishes is routed when the hook fails, a will passes by
//     the hook, and topic aliases pass by the ACL. Here what clients publish
//     ends at the Handler, and neither that nor any subscription enters
//     mochi's topic tree;
//   - an idle connection takes 27 KiB. Here it takes a third of that, since the
//     goroutine that waits for a packet has a shallow stack, and there is no
//     second one.
//
// All sessions are clean, whatever a client asks (CONNACK says so), and all the
// hub sends has QoS 0: with a clean session QoS 1 would promise nothing that
// the connection itself does not. What must not be lost is numbered and
// repeated by the messages themselves. Retained messages live in memory, until
// they are replaced.
package broker
