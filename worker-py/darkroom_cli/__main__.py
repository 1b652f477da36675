from darkroom_cli.app import main

main()
