using Millrace.Tool;

await using var output = Console.OpenStandardOutput();
return await CommandLine.RunAsync(args, output, Console.Out, Console.Error);
