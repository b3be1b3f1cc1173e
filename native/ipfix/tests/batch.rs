//! Rows as a metering process writes them, through a sealed batch, back to columns.

use std::net::IpAddr;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use ipfix::batch;
use ipfix::decode::Decoder;
use ipfix::encode::{Encoder, RowError};
use ipfix::message::Message;
use ipfix::table::{flow, link_event, Record, Type};

const NS: i64 = 1_700_000_000_123_456_789;

fn encoder(name: &str) -> Encoder {
    Encoder::new(Record::named(name).unwrap(), 1, 0, 0)
}

/// Every required column set to something of its type.
fn set_required(encoder: &mut Encoder, number: u64) {
    for (at, column) in encoder
        .record()
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.required)
    {
        match column.kind {
            Type::Time => encoder.set_time(at, NS + number as i64).unwrap(),
            Type::Address => encoder.set_address(at, IpAddr::from([10, 0, 0, 1])),
            Type::String | Type::Octets | Type::Hist => encoder.set_octets(at, b"x"),
            Type::List => encoder.set_list(at, &vec![1; 2 * column.list_length()]),
            Type::Bool => encoder.set_bool(at, true),
            Type::I64 => encoder.set_i64(at, -1),
            Type::F64 => encoder.set_f64(at, 0.5),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => encoder.set_u64(at, number % 200),
        }
    }
}

fn decoded(messages: &[u8]) -> Vec<RecordBatch> {
    let (mut decoder, mut at) = (Decoder::new(), 0);
    while at < messages.len() {
        let message = Message::read(messages, at).unwrap();
        at += message.octets.len();
        decoder.message(&message);
    }
    let (found, problems) = decoder.finish().unwrap();
    assert_eq!(problems, Vec::<String>::new());
    found.into_iter().map(|part| part.batch).collect()
}

#[test]
fn rows_of_several_shapes_come_back() {
    let mut encoder = encoder("flow");
    for number in 0..1000 {
        set_required(&mut encoder, number);
        encoder.set_u64(flow::FLOW_ID, u64::MAX - number);
        if number % 2 == 0 {
            encoder.set_u64(flow::RTT_SERVER_NS, number << 32);
            encoder.set_octets(flow::REVERSE_DATA_RTT, &[1, 2, 3]);
        }
        if number % 3 == 0 {
            encoder.set_address(flow::SOURCE_ADDRESS, "2001:db8::1".parse().unwrap());
        }
        encoder.commit().unwrap();
    }
    assert_eq!(encoder.records(), 1000);
    let batch = decoded(&encoder.finish()).remove(0);
    assert_eq!(batch.num_rows(), 1000);
    let rtt = batch.column(flow::RTT_SERVER_NS).as_primitive::<UInt64Type>();
    assert_eq!(rtt.null_count(), 500);
    let sources = batch.column(flow::SOURCE_ADDRESS).as_string::<i32>();
    assert_eq!(sources.iter().flatten().filter(|text| *text == "2001:db8::1").count(), 334);
    let ids = batch.column(flow::FLOW_ID).as_primitive::<UInt64Type>();
    let starts = batch.column(flow::START_NS).as_primitive::<Int64Type>();
    for row in 0..1000 {
        let number = u64::MAX - ids.value(row);
        assert_eq!(starts.value(row), NS + number as i64);
        assert_eq!(
            rtt.is_valid(row).then(|| rtt.value(row)),
            (number % 2 == 0).then_some(number << 32)
        );
    }
}

#[test]
fn a_row_that_fails_leaves_nothing_behind() {
    let mut encoder = encoder("link_event");
    encoder.set_octets(link_event::EVENT, b"link_up");
    assert_eq!(encoder.commit(), Err(RowError::Missing("interface")));
    set_required(&mut encoder, 1);
    encoder.set_octets(link_event::EVENT, &vec![b'x'; 70_000]);
    assert!(matches!(encoder.commit(), Err(RowError::TooLong(octets)) if octets > 70_000));
    assert!(encoder.set_time(link_event::EVENT_NS, i64::MAX).is_err());
    encoder.abandon();
    set_required(&mut encoder, 2);
    encoder.commit().unwrap();
    assert_eq!(decoded(&encoder.finish())[0].num_rows(), 1);
}

#[test]
fn a_batch_is_numbered_sealed_and_opened() {
    let mut header = encoder("batch");
    set_required(&mut header, 3);
    header.commit().unwrap();
    let mut events = encoder("link_event");
    for number in 0..20_000 {
        set_required(&mut events, number);
        events.commit().unwrap();
    }
    let mut data = events.finish();
    assert_eq!(batch::number_messages(&mut data).unwrap(), 20_000);
    let file = batch::seal_file(&header.finish(), &data, 20_000, 1).unwrap();
    let sealed = batch::open(&file).unwrap();
    assert!(sealed.data.len() > 3);
    assert_eq!(sealed.data[0].sequence(), 1);
    assert!(sealed.data.windows(2).all(|pair| pair[0].sequence() < pair[1].sequence()));
    assert_eq!(batch::header_row(&sealed.header).unwrap().num_rows(), 1);
    for end in (0..file.len()).step_by(97) {
        assert!(batch::open(&file[..end]).is_err());
    }
}

#[test]
fn records_of_no_octets_are_refused_and_not_counted_for_ever() {
    let mut octets = Vec::new();
    let start = ipfix::message::open_message(&mut octets, 1, 0, 0);
    ipfix::message::put_set(&mut octets, 2, &[1, 0, 0, 1, 0, 1, 0, 0]);
    ipfix::message::put_set(&mut octets, 256, &[0; 8]);
    ipfix::message::close_message(&mut octets, start);
    let problem = batch::number_messages(&mut octets).unwrap_err();
    assert!(problem.reason.ends_with("its records have no octets"));
}

#[test]
fn template_ids_of_kinds_do_not_meet() {
    for record in ipfix::table::RECORDS {
        let mut encoder = encoder(record.name);
        set_required(&mut encoder, 0);
        encoder.commit().unwrap();
        let messages = encoder.finish();
        let id = u16::from_be_bytes([messages[20], messages[21]]);
        assert_eq!(id >> 12, u16::from(record.kind), "{}", record.name);
    }
}
