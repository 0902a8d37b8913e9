//! New inputs from old ones: flipped bytes, cut and doubled pieces, splices of two, words of the format.

use fastrand::Rng;

/// The longest input that is made, unless a sample is longer.
const LONGEST: usize = 64 * 1024;

/// Numbers at which readers go wrong.
const NUMBERS: [&str; 10] = [
    "0",
    "-1",
    "255",
    "65536",
    "2147483648",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "1e999",
    "0.1e-400",
];

/// One of the inputs, changed in one to eight ways.
pub(crate) fn mutate(rng: &mut Rng, inputs: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = inputs[rng.usize(..inputs.len())].clone();
    for _ in 0..=rng.usize(..8) {
        change(rng, &mut input, inputs, words);
    }
    input.truncate(LONGEST.max(inputs[0].len()));
    input
}

fn change(rng: &mut Rng, input: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[&str]) {
    match rng.u8(..11) {
        0 if !input.is_empty() => {
            let at = rng.usize(..input.len());
            input[at] ^= 1 << rng.u8(..8);
        }
        1 if !input.is_empty() => {
            let at = rng.usize(..input.len());
            input[at] = rng.u8(..);
        }
        2 => input.truncate(rng.usize(..=input.len())),
        3 => {
            let (from, to) = range(rng, input.len(), 64);
            input.drain(from..to);
        }
        4 => {
            let (from, to) = range(rng, input.len(), 256);
            let piece = input[from..to].repeat(1 + rng.usize(..3));
            insert(rng, input, &piece);
        }
        5 => {
            // Depth: what opens again and again.
            let (from, to) = range(rng, input.len(), 6);
            let piece = input[from..to].repeat(rng.usize(..2_000));
            input.splice(to..to, piece);
        }
        6 => {
            let other = &inputs[rng.usize(..inputs.len())];
            let (from, to) = range(rng, other.len(), 1_024);
            insert(rng, input, &other[from..to]);
        }
        7 => {
            let other = &inputs[rng.usize(..inputs.len())];
            input.truncate(rng.usize(..=input.len()));
            input.extend_from_slice(&other[rng.usize(..=other.len())..]);
        }
        8 => {
            let number = NUMBERS[rng.usize(..NUMBERS.len())];
            insert(rng, input, number.as_bytes());
        }
        9 => {
            let bytes: Vec<u8> = (0..=rng.usize(..4)).map(|_| rng.u8(..)).collect();
            insert(rng, input, &bytes);
        }
        _ if !words.is_empty() => {
            let word = words[rng.usize(..words.len())].as_bytes();
            let (from, to) = range(rng, input.len(), 8);
            input.splice(from..if rng.bool() { from } else { to }, word.iter().copied());
        }
        _ => {}
    }
}

fn insert(rng: &mut Rng, input: &mut Vec<u8>, piece: &[u8]) {
    let at = rng.usize(..=input.len());
    input.splice(at..at, piece.iter().copied());
}

/// A piece of something of this length, at most so long itself.
fn range(rng: &mut Rng, length: usize, longest: usize) -> (usize, usize) {
    let from = rng.usize(..=length);
    (from, from + rng.usize(..=longest.min(length - from)))
}
