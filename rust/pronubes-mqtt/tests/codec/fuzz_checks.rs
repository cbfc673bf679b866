//! The function of the fuzz target on random input, so that it runs wherever the tests run.

use crate::vectors::read;
use proptest::prelude::*;

#[path = "../../../fuzz/checks/mqtt.rs"]
mod mqtt;

/// Packets of the vectors one after another, each perhaps with one byte changed.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let seeds: Vec<Vec<u8>> = read("packets.json").into_iter().map(|case| case.bytes).collect();
    let pick = (0..seeds.len(), prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>())));
    let packets = prop::collection::vec(pick, 0..12);
    (any::<u8>(), packets).prop_map(move |(choice, packets)| {
        let mut bytes = vec![choice];
        for (at, change) in packets {
            let mut packet = seeds[at].clone();
            if let Some((place, byte)) = change {
                let place = place.index(packet.len());
                packet[place] = byte;
            }
            bytes.extend(packet);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn mqtt_takes_any_bytes(data in prop::collection::vec(any::<u8>(), 0..80)) {
        mqtt::check(&data);
    }

    #[test]
    fn mqtt_takes_almost_valid_streams(data in stream()) {
        mqtt::check(&data);
    }
}
