use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Clone, PartialEq, Debug, Coded)]
enum Shape {
    Nothing,
    Round(f64),
    Sided { count: u16, lengths: Vec<i64>, open: bool },
}

#[derive(Clone, PartialEq, Debug, Coded)]
struct Drawing<T, const N: usize> {
    name: String,
    shapes: [Option<Shape>; N],
    corner: (i128, u128),
    rest: VecDeque<T>,
}

fn bytes_of(value: &impl Coded) -> Vec<u8> {
    let mut encoder = Encoder::with_limit(1 << 16);
    value.encode(&mut encoder);
    encoder.written().expect("room").to_vec()
}

fn value_of<T: Coded>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut decoder = Decoder::new(bytes);
    let value = T::decode(&mut decoder)?;
    if decoder.rest().is_empty() { Ok(value) } else { Err(Malformed) }
}

fn drawing() -> Drawing<i8, 3> {
    let sided = Shape::Sided { count: 300, lengths: vec![0, -1, i64::MIN, i64::MAX], open: true };
    Drawing {
        name: "a house".to_owned(),
        shapes: [Some(Shape::Round(-0.0)), None, Some(sided)],
        corner: (i128::MIN, u128::MAX),
        rest: VecDeque::from([-128, 127]),
    }
}

#[test]
fn every_value_comes_back_bit_for_bit() {
    let drawing = drawing();
    let back: Drawing<i8, 3> = value_of(&bytes_of(&drawing)).unwrap();
    assert_eq!(back, drawing);
    let Some(Shape::Round(zero)) = back.shapes[0] else { panic!() };
    assert!(zero.is_sign_negative());
    let odd = f64::from_bits(0x7ff8_dead_beef_0001);
    assert_eq!(value_of::<f64>(&bytes_of(&odd)).unwrap().to_bits(), odd.to_bits(), "a NaN keeps its payload");
}

#[test]
fn the_bytes_are_those_of_the_table() {
    let sided = Shape::Sided { count: 300, lengths: vec![-2], open: false };
    assert_eq!(bytes_of(&sided), [2, 0xac, 0x02, 1, 3, 0]);
    assert_eq!(bytes_of(&Some(Shape::Nothing)), [1, 0]);
    assert_eq!(bytes_of(&u128::MAX).len(), 19);
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = bytes_of(&drawing());
    for length in 0..bytes.len() {
        assert_eq!(value_of::<Drawing<i8, 3>>(&bytes[..length]), Err(Malformed), "{length} bytes");
    }
}

#[test]
fn what_is_out_of_range_is_an_error() {
    assert_eq!(value_of::<Shape>(&[3]), Err(Malformed), "no such variant");
    assert_eq!(value_of::<bool>(&[2]), Err(Malformed));
    assert_eq!(value_of::<u16>(&[0x80, 0x80, 0x04]), Err(Malformed), "65,536");
    assert_eq!(value_of::<u128>(&[0xff; 19]), Err(Malformed), "no end");
    assert_eq!(value_of::<Vec<u8>>(&[0xff, 0xff, 0x03, 1]), Err(Malformed), "more elements than bytes");
    assert_eq!(value_of::<String>(&[1, 0xff]), Err(Malformed), "no UTF-8");
}

#[test]
fn a_buffer_that_is_too_small_says_so_and_can_be_used_again() {
    let mut encoder = Encoder::with_limit(4);
    encoder.bytes(b"house");
    assert_eq!(encoder.written(), None);
    encoder.clear();
    encoder.bytes(b"inn");
    assert_eq!(encoder.written(), Some(b"\x03inn".as_slice()));
}

#[test]
fn another_name_type_or_order_is_another_layout() {
    mod renamed {
        #[derive(crate::coding::Coded)]
        pub enum Shape {
            Nothing,
            Round(f64),
            Sided { number: u16, lengths: Vec<i64>, open: bool },
        }
    }
    mod wider {
        #[derive(crate::coding::Coded)]
        pub enum Shape {
            Nothing,
            Round(f64),
            Sided { count: u32, lengths: Vec<i64>, open: bool },
        }
    }
    let layouts = [Shape::LAYOUT, renamed::Shape::LAYOUT, wider::Shape::LAYOUT, <[Shape; 2]>::LAYOUT];
    for (index, layout) in layouts.iter().enumerate() {
        assert!(!layouts[..index].contains(layout));
    }
}

proptest! {
    #[test]
    fn integers_of_any_size_come_back(unsigned: u128, signed: i128, narrow: i64) {
        prop_assert_eq!(value_of::<u128>(&bytes_of(&unsigned)), Ok(unsigned));
        prop_assert_eq!(value_of::<i128>(&bytes_of(&signed)), Ok(signed));
        prop_assert_eq!(value_of::<i64>(&bytes_of(&narrow)), Ok(narrow));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes: Vec<u8>) {
        _ = value_of::<Drawing<i8, 3>>(&bytes);
    }
}
