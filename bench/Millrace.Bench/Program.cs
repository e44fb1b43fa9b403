using BenchmarkDotNet.Running;

// dotnet run -c Release --project bench/Millrace.Bench -- --filter '*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
