using Millrace.Harness;

// dotnet run -c Release --project bench/Millrace.Harness -- aggregate [commands] [entities]
// dotnet run -c Release --project bench/Millrace.Harness -- replies [replies]
// dotnet run -c Release --project bench/Millrace.Harness -- replay [commands] [entities] [rounds]
// dotnet run -c Release --project bench/Millrace.Harness -- engine [commands] [entities]
// dotnet run -c Release --project bench/Millrace.Harness -- engine-latency [times]
// dotnet run -c Release --project bench/Millrace.Harness -- latency CONNECTION [rate] [seconds]
// dotnet run -c Release --project bench/Millrace.Harness -- kafka [commands] [entities] [rounds] [part of a contender's name]
// dotnet run -c Release --project bench/Millrace.Harness -- kafka-latency CONNECTION [rate] [seconds]
// dotnet run -c Release --project bench/Millrace.Harness -- kafka-profile BOOTSTRAP [threads] [commands] [entities]
var folder = Directory.CreateTempSubdirectory("millrace-harness-").FullName;
try
{
    switch (args)
    {
        case ["aggregate", .. var rest]:
            await AggregateRun.RunAsync(folder, Number(rest, 0, 2_000_000), Number(rest, 1, 100_000));
            return 0;
        case ["replay", .. var rest]:
            await ReplayBench.RunAsync(folder, Number(rest, 0, 2_000_000), Number(rest, 1, 100_000), Number(rest, 2, 3));
            return 0;
        case ["replies", .. var rest]:
            await RepliesRun.RunAsync(folder, Number(rest, 0, 100_000));
            return 0;
        case ["engine", .. var rest]:
            await EngineRun.ThroughputAsync(folder, Number(rest, 0, 2_000_000), Number(rest, 1, 100_000));
            return 0;
        case ["engine-latency", .. var rest]:
            await EngineRun.LatencyAsync(folder, Number(rest, 0, 1_000));
            return 0;
        case ["latency", var connection, .. var rest]:
            await LatencyRun.RunAsync(folder, connection, Number(rest, 0, 1_000), Number(rest, 1, 20));
            return 0;
        case ["kafka-latency", var connection, .. var rest]:
            await LatencyRun.RunOnKafkaAsync(folder, connection, Number(rest, 0, 1_000), Number(rest, 1, 60));
            return 0;
        case ["kafka", .. var rest]:
            await KafkaRun.RunAsync(
                folder,
                Number(rest, 0, 2_000_000),
                Number(rest, 1, 100_000),
                Number(rest, 2, 1),
                rest.Length > 3 ? rest[3] : ""
            );
            return 0;
        case ["kafka-decide", var bootstrap, var group, var state, var threads]:
            await KafkaDecide.RunAsync(bootstrap, group, state, int.Parse(threads));
            return 0;
        case ["kafka-profile", var bootstrap, .. var rest]:
            await KafkaDecide.MeasureAsync(bootstrap, folder, Number(rest, 0, 1), Number(rest, 1, 2_000_000), Number(rest, 2, 100_000));
            return 0;
        default:
            Console.Error.WriteLine(
                "usage: Millrace.Harness aggregate|engine [commands] [entities] | replay [commands] [entities] [rounds] | kafka [commands] [entities] [rounds] [name] | kafka-profile BOOTSTRAP [threads] [commands] [entities] | replies [replies] | engine-latency [times] | latency|kafka-latency CONNECTION [rate] [seconds]"
            );
            return 2;
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

static int Number(string[] args, int at, int otherwise) => args.Length > at ? int.Parse(args[at]) : otherwise;
