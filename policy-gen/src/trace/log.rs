//! The requests of a trace: each one once, with how often polkitd was asked.

use std::collections::{BTreeMap, HashMap, VecDeque};

use polkit_dbus::CheckId;

use super::request::{Reply, Request};

/// The most requests without a reply that are remembered. The reply to the oldest one is then missed.
const WAITING_MAX: usize = 4096;
/// The most different requests that are remembered.
const REQUESTS_MAX: usize = 4096;

/// The requests so far. Its size is bounded.
#[derive(Debug, Default)]
pub struct Log {
    waiting: HashMap<CheckId, Request>,
    order: VecDeque<CheckId>,
    seen: BTreeMap<(Request, Reply), u64>,
    missed: u64,
}

impl Log {
    /// Remembers a request until its reply.
    pub fn asked(&mut self, id: CheckId, request: Request) {
        while self.waiting.len() >= WAITING_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.missed += u64::from(self.waiting.remove(&oldest).is_some());
        }
        if self.order.len() >= 2 * WAITING_MAX {
            self.order.retain(|id| self.waiting.contains_key(id));
        }
        self.order.push_back(id.clone());
        self.waiting.insert(id, request);
    }

    /// Counts a request by its reply. Returns it, with the number of times that it got this reply; `None` if it is not remembered.
    pub fn replied(&mut self, id: &CheckId, reply: Reply) -> Option<(&Request, u64)> {
        let request = self.waiting.remove(id)?;
        let is_full = self.seen.len() >= REQUESTS_MAX;
        let key = (request, reply);
        if is_full && !self.seen.contains_key(&key) {
            self.missed += 1;
            return None;
        }
        *self.seen.entry(key.clone()).or_default() += 1;
        self.seen.get_key_value(&key).map(|((request, _), count)| (request, *count))
    }

    /// Returns all requests with their replies, and how often each one was seen.
    pub fn seen(&self) -> impl Iterator<Item = (&Request, Reply, u64)> {
        self.seen.iter().map(|((request, reply), count)| (request, *reply, *count))
    }

    /// Returns the requests that policy could have allowed. A request that was also allowed, for example after a change of the policy
    /// or by a person, is among them.
    pub fn refused(&self) -> impl Iterator<Item = &Request> {
        let mut last = None;
        self.seen.keys().filter(|(_, reply)| reply.is_refusal()).map(|(request, _)| request).filter(move |request| {
            let is_new = last != Some(*request);
            last = Some(*request);
            is_new
        })
    }

    /// Returns the number of requests that have no reply yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of requests that were not remembered, because there were too many.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::super::request::Subject;
    use super::*;

    fn id(serial: u32) -> CheckId {
        CheckId { mechanism: ":1.7".to_owned(), serial: NonZeroU32::new(serial).unwrap() }
    }

    fn request(action: String) -> Request {
        Request { subject: Subject::default(), action, details: BTreeMap::new() }
    }

    #[test]
    fn a_request_is_counted_when_its_reply_comes() {
        let mut log = Log::default();
        log.asked(id(1), request("a.b".into()));
        log.asked(id(2), request("a.b".into()));
        log.asked(id(3), request("a.c".into()));
        assert_eq!(log.replied(&id(1), Reply::Refused).unwrap().1, 1);
        assert_eq!(log.replied(&id(2), Reply::Refused).unwrap().1, 2);
        assert_eq!(log.replied(&id(2), Reply::Refused), None, "the reply is used");
        assert_eq!(log.replied(&id(9), Reply::Refused), None, "no such request");
        assert_eq!(log.unanswered(), 1);
        assert_eq!(log.replied(&id(3), Reply::Allowed).unwrap().1, 1);
        assert_eq!(log.refused().map(|request| request.action.as_str()).collect::<Vec<_>>(), ["a.b"]);
        assert_eq!(
            log.seen().map(|(_, reply, count)| (reply, count)).collect::<Vec<_>>(),
            [(Reply::Refused, 2), (Reply::Allowed, 1)]
        );
        assert_eq!(log.missed(), 0);
    }

    #[test]
    fn a_request_that_was_refused_in_two_ways_is_one_request() {
        let mut log = Log::default();
        for (serial, reply) in [(1, Reply::Refused), (2, Reply::NeedsAuthentication), (3, Reply::Allowed)] {
            log.asked(id(serial), request("a.b".into()));
            let _ = log.replied(&id(serial), reply);
        }
        assert_eq!(log.refused().count(), 1);
        assert_eq!(log.seen().count(), 3);
    }

    #[test]
    fn a_flood_is_counted_and_not_remembered() {
        let mut log = Log::default();
        let waiting = u32::try_from(WAITING_MAX).unwrap() + 10;
        (1..=waiting).for_each(|serial| log.asked(id(serial), request("a.b".into())));
        assert_eq!((log.unanswered(), log.missed()), (WAITING_MAX, 10));
        assert_eq!(log.replied(&id(10), Reply::Refused), None);
        (11..=waiting).for_each(|serial| assert!(log.replied(&id(serial), Reply::Refused).is_some()));
        let different = u32::try_from(REQUESTS_MAX).unwrap() + 10;
        for serial in 1..=different {
            log.asked(id(serial), request(format!("a.{serial}")));
            let _ = log.replied(&id(serial), Reply::Refused);
        }
        assert_eq!((log.seen().count(), log.missed()), (REQUESTS_MAX, 10 + 11));
        assert!(log.order.len() <= 2 * WAITING_MAX);
    }
}
