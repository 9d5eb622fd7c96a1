// Package cluster connects the hosts that share a model's experts, over NATS.
//
// # What
//
// One host is the coordinator: it generates text. The others are members: they
// keep experts in RAM and compute them when asked. The package carries their
// requests and answers as opaque bytes, keeps the list of members and the
// plans, and lets in nobody who was not invited. It knows nothing of models.
//
// By default the coordinator embeds a NATS server (Options.Listen). It speaks
// TLS 1.3 only, with a certificate that its own authority signed, and knows one
// nkey for each invited host. An invitation (Invite) is a file with that host's
// key, the authority's certificate and the server's URL; Revoke takes it back.
// Both work on the coordinator's directory, which it looks at once a second.
//
// Instead, all may join an external NATS server (Options.Join, with Lead on the
// coordinator). It must have JetStream, and each host its own user:
//
//   - the coordinator's may publish to moed.>, _INBOX.moed.c.>,
//     _INBOX.moed.m.>, $KV.moed-members.>, $KV.moed-plans.>, $SRV.>, $JS.API.>
//     and $JS.FC.>, and subscribe to moed.>, _INBOX.moed.c.> and $SRV.>;
//   - a member's may do what Rights lists, and allow_responses of one message.
//
// The coordinator makes two key-value buckets there. moed-members forgets a
// record after Options.TTL and lives in memory; moed-plans is on disk.
//
// # Nouns
//
//   - Node: this host's place in the cluster; all else are its methods.
//   - Invitation: what a host joins with.
//   - Member: what a host says of itself. It is repeated three times in a TTL
//     and struck off after one TTL of silence, or when the host leaves.
//   - Plan: bytes with a revision for each model, replaced only by someone who
//     knows the present revision. Members hear of a new one by a nudge, which
//     says nothing but that they should fetch it.
//   - Ask and Serve: one request, one answer, both opaque. Serve is a NATS micro
//     service, so `nats micro stats` shows it.
//
// # Caveats
//
// An answer does not outlive the connection it was asked over. When a member's
// connection breaks, what it works on is cancelled and its askers get
// ErrNobody: half a second later if the server saw the connection break, within
// one TTL of silence if it did not and the member had announced itself. One
// that did neither is waited for until the asker's context ends. Nothing is
// sent twice; that is for the caller to decide.
//
// Only the coordinator asks and plans; members have no right to. They
// have none to JetStream either, and may publish to no subject that makes a
// service reply to where they like: an acknowledgement of JetStream, a roll-up
// or a trace would let them speak on subjects that are not theirs. On an
// external server moed-members must therefore be the bucket that the
// coordinator made (no acknowledgement, no roll-up), not one made by hand.
//
// The embedded server carries messages of up to 8 MiB, an external one what it
// is set to (1 MiB by default). All that hosts exchange passes through the
// server's host.
//
// The directory belongs to one coordinator at a time, which a lock sees to but on
// Windows. Its authority.pem holds
// the key that all invitations trust.
package cluster
