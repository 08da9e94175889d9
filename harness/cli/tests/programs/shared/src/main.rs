//! Two processes that talk through iceoryx2 or ipc-channel:
//! `shared publish|notify|channel DIRECTORY`. The first creates its end, starts the
//! second, and prints what it gets.

use iceoryx2::prelude::*;
use ipc_channel::ipc::{IpcOneShotServer, IpcSender};
use std::process::{Child, Command};
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Values that are published.
const VALUES: u64 = 4;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [mode, argument] = words.as_slice() else {
        return Err("shared publish|notify|channel DIRECTORY".into());
    };
    match mode.as_str() {
        "publish" => subscribe(argument),
        "publisher" => publish(argument),
        "notify" => listen(argument),
        "notifier" => notify(argument),
        "channel" => receive(),
        "sender" => send(argument),
        other => Err(format!("no mode {other}").into()),
    }
}

/// The second process.
fn partner(mode: &str, argument: &str) -> Result<Child> {
    let program = std::env::current_exe()?;
    Ok(Command::new(program).args([mode, argument]).spawn()?)
}

fn node(directory: &str) -> Result<Node<ipc::Service>> {
    let mut config = Config::default();
    config.global.set_root_path(&Path::new(directory.as_bytes())?);
    Ok(NodeBuilder::new().config(&config).create::<ipc::Service>()?)
}

type Numbers = iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, u64, ()>;

fn numbers(node: &Node<ipc::Service>) -> Result<Numbers> {
    let builder = node.service_builder(&"numbers".try_into()?).publish_subscribe::<u64>();
    Ok(builder.subscriber_max_buffer_size(VALUES as usize).open_or_create()?)
}

fn subscribe(directory: &str) -> Result<()> {
    let node = node(directory)?;
    let service = numbers(&node)?;
    let subscriber = service.subscriber_builder().create()?;
    let mut publisher = partner("publisher", directory)?;
    let mut got = Vec::new();
    let mut ended = None;
    while ended.is_none() || got.len() < VALUES as usize {
        match subscriber.receive()? {
            Some(sample) => got.push(*sample),
            // What was sent before the publisher ended is there by now.
            None if ended.is_some() => break,
            None => {
                ended = publisher.try_wait()?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    let status = ended.map_or_else(|| publisher.wait(), Ok)?;
    println!("{got:?}, then {status}");
    Ok(())
}

fn publish(directory: &str) -> Result<()> {
    let node = node(directory)?;
    let service = numbers(&node)?;
    let publisher = service.publisher_builder().create()?;
    for value in 0..VALUES {
        publisher.loan_uninit()?.write_payload(value).send()?;
    }
    // A sample lives in its publisher's memory: it is gone when that is.
    std::thread::sleep(Duration::from_millis(100));
    Ok(())
}

fn listen(directory: &str) -> Result<()> {
    let node = node(directory)?;
    let event = node.service_builder(&"bell".try_into()?).event().open_or_create()?;
    let listener = event.listener_builder().create()?;
    let mut notifier = partner("notifier", directory)?;
    let mut got = Vec::new();
    listener.timed_wait(|event| got.push(event.id.as_value()), Duration::from_secs(60))?;
    println!("{got:?}, then {}", notifier.wait()?);
    Ok(())
}

fn notify(directory: &str) -> Result<()> {
    let node = node(directory)?;
    let event = node.service_builder(&"bell".try_into()?).event().open_or_create()?;
    let notifier = event.notifier_builder().create()?;
    notifier.notify_with_custom_event_id(EventId::new(7))?;
    Ok(())
}

fn receive() -> Result<()> {
    let (server, name) = IpcOneShotServer::<(u64, String)>::new()?;
    let mut sender = partner("sender", &name)?;
    let (receiver, first) = server.accept()?;
    println!("{} with {} bytes", first.0, first.1.len());
    while let Ok((number, text)) = receiver.recv() {
        println!("{number} with {} bytes", text.len());
    }
    println!("{}", sender.wait()?);
    Ok(())
}

fn send(name: &str) -> Result<()> {
    let sender = IpcSender::connect(name.to_owned())?;
    for number in 0..3_u64 {
        sender.send((number, "x".repeat(number as usize * 1000)))?;
    }
    Ok(())
}
