using Millrace.Harness;

// dotnet run -c Release --project bench/Millrace.Harness -- aggregate [commands] [entities]
// dotnet run -c Release --project bench/Millrace.Harness -- engine [commands] [entities]
// dotnet run -c Release --project bench/Millrace.Harness -- latency [times]
var numbers = args.Skip(1).Select(int.Parse).ToArray();
int Number(int place, int otherwise) => place < numbers.Length ? numbers[place] : otherwise;
Func<string, Task>? run = args.FirstOrDefault() switch
{
    "aggregate" => folder => AggregateRun.RunAsync(folder, Number(0, 2_000_000), Number(1, 100_000)),
    "engine" => folder => EngineRun.ThroughputAsync(folder, Number(0, 2_000_000), Number(1, 100_000)),
    "latency" => folder => EngineRun.LatencyAsync(folder, Number(0, 1000)),
    _ => null,
};
if (run is null)
{
    Console.Error.WriteLine("usage: Millrace.Harness aggregate|engine [commands] [entities] | latency [times]");
    return 2;
}
var folder = Directory.CreateTempSubdirectory("millrace-harness-").FullName;
try
{
    await run(folder);
}
finally
{
    Directory.Delete(folder, recursive: true);
}
return 0;
