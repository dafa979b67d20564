// Package broker moves bytes between the hub and its MQTT clients, 3.1.1 and
// 5, and decides who may speak on which topic. It knows no message: a Handler
// says who a connection is and takes what clients publish.
//
// It is the only package that imports mochi-mqtt, and uses the part of it that
// is good: the packets, and the state machine of one connection. The rest is
// here, because mochi loses messages or trusts too much:
//
//   - Connections are accepted here and handed over one by one, so that an
//     Accept that fails once does not end the listener, every goroutine is
//     waited for, a panic in a decoder costs one connection, and sizes and
//     times are bounded before a client has said who it is.
//   - Take-over is done here, and every session has its own ID in mochi: there
//     the clean-up of an old connection can delete the new one of the same ID,
//     which is then connected, pinged, and sent nothing ever again.
//   - What clients publish ends at the Handler. What the hub publishes goes
//     through one queue per client. Neither enters mochi's topic tree, nor do
//     subscriptions: a full queue is an error here, not a silent loss, and an
//     idle device costs a third of the memory.
//   - mochi's housekeeping loop is not started. There is nothing to purge:
//     retained messages stay until they are replaced, and sessions are clean.
//
// All sessions are clean, whatever a client asks (CONNACK says so), and all the
// hub sends has QoS 0: with a clean session QoS 1 would promise nothing that
// the connection itself does not. What must not be lost is numbered and
// repeated by the messages themselves.
package broker
