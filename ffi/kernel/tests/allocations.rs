//! The counting allocator counts what it should, and the timing threads' calls of this crate make it count nothing.
//!
//! One test, because arming is for the whole process.

use std::hint::black_box;
use std::net::UdpSocket;

use synchronome_kernel::alloc::{CountingAllocator, arm, counts, disarm, register_thread};
use synchronome_kernel::nic::{hardware_timestamping, timestamping_info};
use synchronome_kernel::socket::{RecvBatch, SendBatch, enable_packet_info};
use synchronome_kernel::timestamping::{
    ErrorQueueBuffer, enable_software_timestamps, read_error_queue, send_timestamped,
};
use synchronome_kernel::{adjtimex, sched};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn registered_threads_are_counted_and_the_batches_count_nothing() {
    let slot = register_thread("test").expect("room in the table");
    drop(black_box(vec![1_u8; 100]));
    assert_eq!(slot.count(), 0, "not armed yet");

    arm();
    drop(black_box(vec![1_u8; 100]));
    assert_eq!(slot.count(), 2, "one allocation, one free");
    let mut grown = black_box(Vec::<u8>::with_capacity(1));
    grown.reserve_exact(1000);
    drop(black_box(grown));
    assert_eq!(slot.count(), 5, "an allocation, its growth, its free");
    std::thread::spawn(|| drop(black_box(vec![1_u8; 100]))).join().expect("the thread ends");
    let others: u64 = counts().filter(|(name, _)| *name != "test").map(|(_, calls)| calls).sum();
    assert_eq!(others, 0, "nobody else registered");

    let (client, server) = (loopback(), loopback());
    let to = server.local_addr().expect("bound");
    enable_packet_info(&server).expect("packet info");
    enable_software_timestamps(&server, false).expect("stamps");
    enable_software_timestamps(&client, true).expect("stamps");
    let mut requests = SendBatch::new(8, 48);
    let mut received = RecvBatch::new(8, 48);
    let mut errors = ErrorQueueBuffer::new();

    arm();
    let mut arrived = 0;
    let mut stamped = 0;
    for round in 0..1000 {
        if round < 10 {
            for _ in 0..8 {
                requests.push(&[7; 48], to, None, None).expect("room");
            }
            requests.flush(&client).expect("a socket");
            send_timestamped(&client, &[7; 48], to, None).expect("sent");
        } else if (arrived, stamped) == (90, 90) {
            break;
        } else {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        while received.recv(&server).expect("a socket") > 0 {
            arrived += received.iter().filter(|datagram| datagram.data == [7; 48]).count();
        }
        while read_error_queue(&client, &mut errors).expect("a socket").is_some() {
            stamped += 1;
        }
        adjtimex::read().expect("readable");
        sched::current_cpu().expect("readable");
        timestamping_info("lo").expect("the loopback");
        hardware_timestamping("lo").expect_err("it has no hardware, and an error is no allocation either");
    }
    disarm();
    assert_eq!((arrived, stamped), (90, 90));
    assert_eq!(slot.count(), 0, "the calls of a timing thread allocate nothing");

    drop(slot);
    assert_eq!(counts().collect::<Vec<_>>(), [("test", 0)], "a count outlives its thread's registration");
}

fn loopback() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("loopback")
}
