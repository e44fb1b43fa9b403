import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The ticket aggregate of the harness on Kafka Streams: the same commands, the same decisions, exactly once, the state in RocksDB with a
 * changelog topic. The harness starts it and measures it from outside; see bench/peers/README.md.
 *
 *     StreamsTickets.java load BOOTSTRAP TOPIC COMMANDS ENTITIES
 *     StreamsTickets.java run BOOTSTRAP COMMAND-TOPIC EVENT-TOPIC APPLICATION STATE-FOLDER THREADS COMMIT-MS
 *
 * "run" goes on until its standard input ends.
 */
public class StreamsTickets {
    static final int PARTITIONS = 4;
    static final String STORE = "tickets";
    static final String[] STATUS = {"new", "open", "stalled", "resolved", "rejected"};

    /** A command: the row as it is after a change. */
    record Row(String type, long ticketId, String status, int priority, String assignee, String subject, long updatedAt) {}

    /** What the aggregate keeps of a ticket: what it compares the next command with. */
    record State(int version, String status, int priority, String assignee, String subject, long updatedAt) {}

    record Event(String type, long ticketId, int version, String status, int priority, String assignee, long at) {}

    public static void main(String[] args) throws Exception {
        switch (args.length > 0 ? args[0] : "") {
            case "load" -> load(args[1], args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4]));
            case "run" -> run(args[1], args[2], args[3], args[4], args[5], Integer.parseInt(args[6]), Integer.parseInt(args[7]));
            default -> {
                System.err.println("usage: load BOOTSTRAP TOPIC COMMANDS ENTITIES | run BOOTSTRAP COMMAND-TOPIC EVENT-TOPIC APPLICATION STATE-FOLDER THREADS COMMIT-MS");
                System.exit(2);
            }
        }
    }

    /** The commands of the harness's generator (the same multiplier, increment and seed), each about 200 B of JSON keyed by its ticket. */
    static void load(String bootstrap, String topic, int commands, int entities) throws Exception {
        createTopic(bootstrap, topic);
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "linger.ms", 20, "batch.size", 256 * 1024);
        Throwable[] failed = new Throwable[1];
        try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            long random = 42;
            for (int i = 0; i < commands; i++) {
                random = random * 6364136223846793005L + 1442695040888963407L;
                long ticket = (random >>> 33) % entities;
                int drawn = (int) (random >>> 20) & 1023;
                String json =
                    "{\"type\":\"TicketRowChanged\",\"ticketId\":" + ticket
                    + ",\"status\":\"" + STATUS[drawn % 5]
                    + "\",\"priority\":" + drawn / 5 % 4
                    + ",\"assignee\":\"agent" + drawn / 20 % 30
                    + "\",\"subject\":\"Cannot log in to the store since Monday #" + ticket
                    + "\",\"updatedAt\":" + (1795430413000L + i) + "}";
                producer.send(
                    new ProducerRecord<>(topic, ("ticket-" + ticket).getBytes(StandardCharsets.UTF_8), json.getBytes(StandardCharsets.UTF_8)),
                    (metadata, e) -> { if (e != null) failed[0] = e; });
            }
        }
        if (failed[0] != null) throw new IllegalStateException("not every command reached the topic", failed[0]);
    }

    static void run(String bootstrap, String commands, String events, String application, String folder, int threads, int commitMs) throws Exception {
        createTopic(bootstrap, events);
        var topology = new Topology();
        topology.addSource("commands", new ByteArrayDeserializer(), new ByteArrayDeserializer(), commands);
        topology.addProcessor("decide", Decide::new, "commands");
        topology.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray()), "decide");
        topology.addSink("events", events, new ByteArraySerializer(), new ByteArraySerializer(), "decide");

        var config = new Properties();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        config.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, threads);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitMs);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        config.put(StreamsConfig.producerPrefix("linger.ms"), 5);
        config.put(StreamsConfig.producerPrefix("batch.size"), 256 * 1024);

        var ended = new CountDownLatch(1);
        boolean[] failed = new boolean[1];
        try (var streams = new KafkaStreams(topology, config)) {
            streams.setUncaughtExceptionHandler(e -> {
                e.printStackTrace();
                failed[0] = true;
                ended.countDown();
                return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
            });
            streams.start();
            var input = new Thread(() -> {
                try {
                    while (System.in.read() >= 0) {}
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                } finally {
                    ended.countDown();
                }
            });
            input.setDaemon(true);
            input.start();
            ended.await();
        }
        if (failed[0]) System.exit(1);
    }

    static void createTopic(String bootstrap, String name) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(name, PARTITIONS, (short) 1))).all().get();
        }
    }

    static class Decide extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        private static final ObjectMapper JSON = new ObjectMapper();
        private final ObjectReader rows = JSON.readerFor(Row.class);
        private final ObjectReader states = JSON.readerFor(State.class);
        private final ObjectWriter writeState = JSON.writerFor(State.class);
        private final ObjectWriter writeEvent = JSON.writerFor(Event.class);
        private KeyValueStore<byte[], byte[]> tickets;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            tickets = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<byte[], byte[]> command) {
            try {
                Row now = rows.readValue(command.value());
                byte[] stored = tickets.get(command.key());
                State was = stored == null ? null : states.readValue(stored);
                String happened = what(was, now);
                if (happened == null) return;
                int version = was == null ? 1 : was.version() + 1;
                tickets.put(command.key(), writeState.writeValueAsBytes(new State(version, now.status(), now.priority(), now.assignee(), now.subject(), now.updatedAt())));
                var event = new Event(happened, now.ticketId(), version, now.status(), now.priority(), now.assignee(), now.updatedAt());
                context().forward(command.withValue(writeEvent.writeValueAsBytes(event)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static String what(State was, Row now) {
            if (was == null) return "TicketCreated";
            if (!was.status().equals(now.status())) return "TicketStatusChanged";
            if (was.priority() != now.priority()) return "TicketPriorityChanged";
            return was.assignee().equals(now.assignee()) ? null : "TicketAssigned";
        }
    }
}
