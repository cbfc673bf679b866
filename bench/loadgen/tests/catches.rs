//! The instrument against routers with a known fault: each must be named, and a faultless one must pass.

#[cfg(test)]
mod catches {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpStream;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};

    use serde_json::{Value, json};

    /// What the router under test does wrong, at message `AT`.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fault {
        None,
        Drop,
        Twice,
        Swap,
        WrongByte,
        WrongTopic,
        AckEarly,
    }

    const SLOTS: usize = 50;
    const AT: usize = 2_222;

    /// Packets of a connection, one at a time.
    struct Packets {
        stream: BufReader<TcpStream>,
    }

    impl Packets {
        fn next(&mut self) -> Option<Vec<u8>> {
            let mut packet = vec![0; 2];
            self.stream.read_exact(&mut packet).ok()?;
            let mut length = usize::from(packet[1] & 0x7f);
            while packet[packet.len() - 1] & 0x80 != 0 {
                let mut byte = [0];
                self.stream.read_exact(&mut byte).ok()?;
                length |= usize::from(byte[0] & 0x7f) << (7 * (packet.len() - 1));
                packet.push(byte[0]);
            }
            let header = packet.len();
            packet.resize(header + length, 0);
            self.stream.read_exact(&mut packet[header..]).ok()?;
            Some(packet)
        }
    }

    fn connect(port: u16, name: u8) -> (TcpStream, Packets) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&[b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01".as_slice(), &[name]].concat()).unwrap();
        let mut packets = Packets { stream: BufReader::new(stream.try_clone().unwrap()) };
        assert_eq!(packets.next().unwrap(), [0x20, 2, 0, 0]);
        (stream, packets)
    }

    /// Hands every PUBLISH on until the generator closes; acknowledgements of the sink go back to the source.
    fn route(port: u16, qos: u8, fault: Fault) {
        let (mut sink, mut confirmations) = connect(port, b'k');
        let (mut source, mut inputs) = connect(port, b's');
        source.write_all(&[0x82, 6, 0, 1, 0, 1, b'#', qos]).unwrap();
        assert_eq!(inputs.next().unwrap()[0], 0x90);
        if qos > 0 {
            let mut source = source.try_clone().unwrap();
            std::thread::spawn(move || {
                while let Some(packet) = confirmations.next() {
                    if fault != Fault::AckEarly && source.write_all(&packet).is_err() {
                        return;
                    }
                }
            });
        }
        let mut kept = None;
        let mut number = 0;
        while let Some(mut packet) = inputs.next() {
            if fault == Fault::AckEarly {
                let id = 4 + usize::from(packet[3]);
                source.write_all(&[0x40, 2, packet[id], packet[id + 1]]).unwrap();
            }
            let is_time = number == AT;
            number += 1;
            match fault {
                Fault::Drop if is_time => continue,
                Fault::Twice if is_time => sink.write_all(&packet).unwrap(),
                Fault::Swap if is_time => {
                    kept = Some(packet);
                    continue;
                }
                Fault::WrongByte if is_time => {
                    let last = packet.len() - 2;
                    packet[last] ^= 1;
                }
                Fault::WrongTopic if is_time => packet[4] ^= 1,
                _ => {}
            }
            if sink.write_all(&packet).is_err() {
                return;
            }
            if number == AT + SLOTS + 1 {
                kept.take().into_iter().for_each(|late: Vec<u8>| sink.write_all(&late).unwrap());
            }
        }
    }

    fn start(name: &str, qos: u8) -> (Child, u16, PathBuf) {
        let folder = std::env::temp_dir().join(format!("pronubes-loadgen-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let lines = (0..SLOTS).map(|slot| {
            let payload = format!("{{\"ts\": {}, \"v\": {slot}}}", 1_700_000_000_000_u64 + slot as u64);
            format!("{}\n", json!({"topic": format!("raw/{slot}"), "payload": payload, "outputs": []}))
        });
        let workload = folder.join("workload.ndjson");
        std::fs::write(&workload, lines.collect::<String>()).unwrap();
        let job = json!({
            "workload": workload, "identity": true, "qos": qos, "window": 100, "pace": {"kind": "even", "rate": 20_000.0},
            "verify_rounds": 2, "warmup_s": 0.05, "measure_s": 0.15, "drain_s": 0.3,
        });
        std::fs::write(folder.join("job.json"), job.to_string()).unwrap();
        let mut generator = Command::new(env!("CARGO_BIN_EXE_pronubes-loadgen"))
            .arg(folder.join("job.json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        // One byte at a time: what follows this line must stay in the pipe.
        let mut out = BufReader::with_capacity(1, generator.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        generator.stdout = Some(out.into_inner());
        writeln!(generator.stdin.take().unwrap(), "{} 1", std::process::id()).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        (generator, said["port"].as_u64().unwrap() as u16, folder)
    }

    fn report(name: &str, qos: u8, fault: Fault) -> Value {
        let (generator, port, folder) = start(name, qos);
        let router = std::thread::spawn(move || route(port, qos, fault));
        let output = generator.wait_with_output().unwrap();
        router.join().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[test]
    fn a_faultless_router_passes_at_both_qualities_of_service() {
        for qos in [0, 1] {
            let report = report(&format!("none{qos}"), qos, Fault::None);
            assert_eq!(report["ok"], true, "{report}");
            assert_eq!(report["sent"], report["returned"]);
            assert!(
                report["sent"].as_u64().unwrap() > AT as u64,
                "the faults of the other tests would not be reached: {report}"
            );
            assert_eq!(report["acked_ahead"], 0);
        }
    }

    #[test]
    fn every_fault_is_counted_under_its_name() {
        for (fault, field) in [
            (Fault::Drop, "lost"),
            (Fault::Twice, "duplicates"),
            (Fault::Swap, "out_of_order"),
            (Fault::WrongByte, "wrong"),
            (Fault::WrongTopic, "wrong"),
        ] {
            let report = report(field, 0, fault);
            assert_eq!((&report["ok"], &report[field]), (&json!(false), &json!(1)), "{fault:?}: {report}");
            assert!(!report["problems"].as_array().unwrap().is_empty(), "{fault:?}");
        }
    }

    #[test]
    fn acknowledging_before_the_output_is_seen() {
        let report = report("early", 1, Fault::AckEarly);
        assert!(report["acked_ahead"].as_u64().unwrap() > 0, "{report}");
    }
}
