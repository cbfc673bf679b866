//! What a message costs in the queue of a sink that does not keep up, for callgrind, by policy.
//!
//! `queue_cost POLICY MESSAGES` is run by `bench/micro.py`: messages of 1,000 topics come into a queue of 512 KiB, and the sink takes one for
//! ten that come; under `block` it takes each, behind 1,000 that wait. It ends with an error when the ledger does not add up.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use pronubes_core::Meta;
use pronubes_core::matcher::RouteId;
use pronubes_pipeline::names::Names;
use pronubes_pipeline::queue::{Item, Policy, SegmentLimits, SinkQueue};

type Failure = Box<dyn std::error::Error>;

const TOPICS: usize = 1_000;
const SIZE: usize = 512 * 1024;
const PAYLOAD: &[u8] = br#"{"value": 21.55, "ts": 1732270000123, "quality": "GOOD"}"#;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [policy, messages] = arguments.as_slice() else { return Err("usage: queue_cost POLICY MESSAGES".into()) };
    let policy: Policy = serde_json::from_value(policy.as_str().into())?;
    let messages: usize = messages.parse()?;
    let topics: Vec<String> =
        (0..TOPICS).map(|number| format!("acme/site1/area{}/line{}/tag{number}", number % 10, number % 7)).collect();
    let mut queue = SinkQueue::new(policy, SIZE, SegmentLimits::default(), &Arc::new(Names::default()));
    let meta = Meta { qos: 0, retain: false, received_ns: 0, source_ns: None };
    let push = |queue: &mut SinkQueue, number: usize| {
        let topic = topics[number % TOPICS].as_bytes();
        queue.push(&Item { topic, payload: PAYLOAD, route: RouteId(0), source: 0, meta, is_replayed: false }, None, 0);
    };
    (0..TOPICS).for_each(|number| push(&mut queue, number));
    let (every, mut taken) = (if policy == Policy::Block { 1 } else { 10 }, 0);
    let began = Instant::now();
    for number in 0..messages {
        push(&mut queue, number);
        if number % every == 0 {
            queue.pop();
            taken += 1;
        }
    }
    let per_message = began.elapsed().as_nanos() / messages.max(1) as u128;
    let ends = taken + queue.drops().total() as usize + queue.walk();
    if ends != TOPICS + messages || queue.memory() > 2 * SIZE {
        return Err(format!("{ends} of {} messages, {} bytes", TOPICS + messages, queue.memory()).into());
    }
    writeln!(io::stdout(), "{taken} taken, {} dropped, {per_message} ns a message", queue.drops().total())?;
    Ok(())
}
