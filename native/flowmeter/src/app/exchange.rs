//! Requests and what became of them: what all protocols of questions and answers have in common.

use crate::distribution::Distribution;

/// A question without an answer for so long is unanswered.
pub const PATIENCE_NS: i64 = 5_000_000_000;
/// Questions of one flow that may wait at once; the oldest beyond that counts as unanswered.
const MAX_WAITING: usize = 32;

/// Counts since the last cut.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// Requests, repeats included.
    pub requests: u64,
    /// Requests that nobody answered in time.
    pub unanswered: u64,
    /// Requests that were answered with the server's own failure.
    pub errors: u64,
    /// From request to answer, where TCP does not measure it.
    pub responses: Distribution,
}

impl Exchange {
    /// Forget what was cut.
    pub fn clear(&mut self) {
        (self.requests, self.unanswered, self.errors) = (0, 0, 0);
        self.responses.clear();
    }
}

/// Questions that wait for their answers.
#[derive(Clone, Debug)]
pub struct Waiting<K> {
    questions: Vec<(K, i64)>,
}

impl<K> Default for Waiting<K> {
    fn default() -> Self {
        Self { questions: Vec::new() }
    }
}

impl<K> Waiting<K> {
    /// A question was asked; the time of one that is asked again is that of the first time.
    pub fn ask(&mut self, key: K, now_ns: i64, same: impl Fn(&K) -> bool, exchange: &mut Exchange) {
        exchange.requests += 1;
        if self.questions.iter().any(|(asked, _)| same(asked)) {
            return;
        }
        if self.questions.len() == MAX_WAITING {
            self.questions.remove(0);
            exchange.unanswered += 1;
        }
        self.questions.push((key, now_ns));
    }

    /// The question that this answers, and how long that took.
    pub fn answer(&mut self, now_ns: i64, same: impl Fn(&K) -> bool) -> Option<(K, u64)> {
        let at = self.questions.iter().position(|(asked, _)| same(asked))?;
        let (key, asked_ns) = self.questions.remove(at);
        Some((key, (now_ns - asked_ns).max(0) as u64))
    }

    /// The question asked first of those that wait.
    #[must_use]
    pub fn first(&self) -> Option<&K> {
        self.questions.first().map(|(key, _)| key)
    }

    /// Count those that have waited too long by `now_ns`; at the end of the flow nobody answers any more.
    pub fn settle(&mut self, now_ns: i64, ending: bool, exchange: &mut Exchange) {
        let before = self.questions.len();
        self.questions
            .retain(|&(_, asked_ns)| !ending && now_ns - asked_ns < PATIENCE_NS);
        exchange.unanswered += (before - self.questions.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_timed_from_the_first_of_repeated_questions() {
        let (mut waiting, mut exchange) = (Waiting::default(), Exchange::default());
        for now in [100, 200] {
            waiting.ask(7, now, |&asked| asked == 7, &mut exchange);
        }
        assert_eq!(waiting.answer(250, |&asked| asked == 7), Some((7, 150)));
        assert_eq!(waiting.answer(260, |&asked| asked == 7), None);
        assert_eq!(exchange.requests, 2);
    }

    #[test]
    fn patience_ends_and_memory_is_bounded() {
        let (mut waiting, mut exchange) = (Waiting::default(), Exchange::default());
        for number in 0..40 {
            waiting.ask(number, number, |&asked| asked == number, &mut exchange);
        }
        assert_eq!(exchange.unanswered, 8);
        waiting.settle(PATIENCE_NS + 9, false, &mut exchange);
        assert_eq!(exchange.unanswered, 10);
        waiting.settle(PATIENCE_NS + 9, true, &mut exchange);
        assert_eq!(exchange.unanswered, 40);
    }
}
