using Millrace.Harness;

// dotnet run -c Release --project bench/Millrace.Harness -- aggregate [commands] [entities]
switch (args)
{
    case ["aggregate", .. var rest]:
        var folder = Directory.CreateTempSubdirectory("millrace-harness-").FullName;
        try
        {
            await AggregateRun.RunAsync(
                folder,
                rest.Length > 0 ? int.Parse(rest[0]) : 2_000_000,
                rest.Length > 1 ? int.Parse(rest[1]) : 100_000
            );
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        return 0;
    default:
        Console.Error.WriteLine("usage: Millrace.Harness aggregate [commands] [entities]");
        return 2;
}
