//! Requests and responses: who sent new data when goes in, the server's times come out.

use crate::distribution::Distribution;

/// The talk of one connection.
#[derive(Clone, Debug, Default)]
pub struct Dialogue {
    /// The server's own time from the last octet of a request to the first of the response.
    pub responses: Distribution,
    /// From the first to the last octet of a response.
    pub transfers: Distribution,
    request_ns: Option<i64>,
    response: Option<(i64, i64)>,
}

impl Dialogue {
    /// New data passed; `network_ns` is the round trip to the server.
    pub fn say(&mut self, by_client: bool, now_ns: i64, network_ns: i64) {
        if by_client {
            self.finish();
            self.request_ns = Some(now_ns);
        } else if let Some(request) = self.request_ns.take() {
            self.responses.add((now_ns - request - network_ns).max(0));
            self.response = Some((now_ns, now_ns));
        } else if let Some((_, last)) = &mut self.response {
            *last = now_ns;
        }
    }

    /// The response under way, if any, is whole: another request, the end of the connection or of the flow.
    pub fn finish(&mut self) {
        if let Some((first, last)) = self.response.take() {
            self.transfers.add((last - first).max(0));
        }
    }

    /// Another connection begins: keep the counts.
    pub fn restart(&mut self) {
        self.finish();
        self.request_ns = None;
    }

    /// The counts were read: begin anew, go on with what is under way.
    pub fn cut(&mut self) {
        self.responses.clear();
        self.transfers.clear();
    }
}
