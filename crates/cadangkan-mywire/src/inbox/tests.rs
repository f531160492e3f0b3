use proptest::prelude::*;

use super::*;

/// The packets of `bodies`, numbered from zero, cut as the protocol has it.
fn stream(bodies: &[Vec<u8>]) -> Vec<u8> {
    let (mut bytes, mut number) = (Vec::new(), 0_u8);
    for body in bodies {
        let mut rest = body.as_slice();
        loop {
            let (part, later) = rest.split_at(rest.len().min(FULL_PART));
            bytes.extend(u32::try_from(part.len()).unwrap().to_le_bytes().iter().take(3));
            bytes.push(number);
            bytes.extend(part);
            number = number.wrapping_add(1);
            rest = later;
            if part.len() < FULL_PART {
                break;
            }
        }
    }
    bytes
}

/// Feeds bytes in pieces and returns the packets, as long as all is well.
fn read_all(bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, String> {
    let (mut inbox, mut found) = (Inbox::new(), Vec::new());
    let mut rest = bytes;
    loop {
        while let Some(range) = inbox.next()? {
            found.push(inbox.packet(range).to_vec());
        }
        let came = inbox.fill(|mut room| {
            assert!(!room.is_empty());
            let (now, later) = rest.split_at(piece.min(rest.len()).min(room.len()));
            rest = later;
            io::Write::write(&mut room, now)
        });
        if came.unwrap() == 0 {
            return Ok(found);
        }
    }
}

#[test]
fn long_packets_are_joined_and_the_buffer_shrinks_back() {
    let fill = |length: usize| (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<u8>>();
    for length in [FULL_PART - 1, FULL_PART, FULL_PART + 1, 2 * FULL_PART, 40_000_000] {
        let sent = [b"a".to_vec(), fill(length), b"z".to_vec()];
        for piece in [100_003, 16 << 20] {
            assert!(read_all(&stream(&sent), piece).unwrap() == sent, "{length} {piece}");
        }
    }
    let mut inbox = Inbox::new();
    let bytes = stream(&[fill(30_000_000), b"small".to_vec()]);
    let (mut rest, mut largest) = (bytes.as_slice(), 0);
    while !rest.is_empty() {
        inbox.fill(|room| io::Read::read(&mut rest, room)).unwrap();
        largest = largest.max(inbox.buffer.len());
        while inbox.next().unwrap().is_some() {}
    }
    assert!(largest > 30_000_000 && largest < 64 << 20 && inbox.is_empty());
    inbox.fill(|_| Ok(0)).unwrap();
    assert_eq!(inbox.buffer.len(), AT_REST);
}

#[test]
fn a_claimed_length_takes_no_memory() {
    let mut inbox = Inbox::new();
    inbox.fill(|mut room| io::Write::write(&mut room, &[0xff, 0xff, 0xff, 0, 1])).unwrap();
    assert_eq!(inbox.next().unwrap(), None);
    assert!(!inbox.is_empty());
    inbox.fill(|_| Ok(0)).unwrap();
    assert_eq!(inbox.buffer.len(), AT_REST);
}

#[test]
fn packets_out_of_order_are_errors() {
    assert!(read_all(&[1, 0, 0, 0, b'a', 1, 0, 0, 2, b'b'], 3).is_err());
    assert!(read_all(&[1, 0, 0, 7, b'a'], 1).is_err());
    assert_eq!(read_all(&[3, 0, 0, 9, 0xff, 1, 2], 2).unwrap(), [vec![0xff, 1, 2]]);
}

proptest! {
    #[test]
    fn packets_come_out_as_they_went_in(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..300),
        piece in 1..700usize,
    ) {
        prop_assert_eq!(read_all(&stream(&sent), piece), Ok(sent));
    }

    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1..300usize) {
        let _ = read_all(&bytes, piece);
    }
}
